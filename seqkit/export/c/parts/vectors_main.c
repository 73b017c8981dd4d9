/* Answers each line of standard input: numbers between commas, semicolons, tabs or spaces. */
int main(void)
{
    static char line[1 << 20];
    float vector[$NAME_NUMBERS], probabilities[$NAME_LABELS];
    for (long number = 1; fgets(line, sizeof line, stdin); ++number) {
        int count = 0;
        line[strcspn(line, "\r\n")] = 0;
        const char *at = line + strspn(line, " \t,;[]()");
        while (*at && count <= $NAME_NUMBERS) {
            char *end;
            const float value = strtof(at, &end);
            if (end == at || !strchr(" \t,;[]()", *end) || !isfinite(value))
                count = $NAME_NUMBERS;
            else if (count < $NAME_NUMBERS)
                vector[count] = value;
            ++count;
            at = end + strspn(end, " \t,;[]()");
        }
        if (count && count != $NAME_NUMBERS) {
            fprintf(stderr, "line %ld is no vector of %d numbers; correct it\n", number, $NAME_NUMBERS);
            return 1;
        }
        if (count) {
            const int label = $name_predict(vector, probabilities);
            printf("%s\t%.3f", $name_labels[label], (double)probabilities[label]);
        }
        printf("\t%s\n", line);
        fflush(stdout);
    }
    return 0;
}
