static void show(int count, const float *probabilities)
{
    int shown = 0;
    for (int k = 0; k < $NAME_LABELS; ++k)
        if (probabilities[k] >= $name_thresholds[k])
            printf("%s%s", shown++ ? "|" : "", $name_labels[k]);
    printf(count ? "\t" : "(none)\t");
    shown = 0;
    for (int k = 0; k < $NAME_LABELS; ++k)
        if (probabilities[k] >= $name_thresholds[k])
            printf("%s%.3f", shown++ ? "|" : "", (double)probabilities[k]);
}
