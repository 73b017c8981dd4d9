static void show(int label, const float *probabilities)
{
    printf("%s\t%.3f", $name_labels[label], (double)probabilities[label]);
}
