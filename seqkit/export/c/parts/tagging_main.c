/* Answers each line of standard input, a sentence whose words have spaces between them. */
int main(void)
{
    static $name_state state;
    static char line[1 << 20], copy[1 << 20];
    static const char *words[$NAME_WORDS];
    static int labels[$NAME_WORDS];
    static float sure[$NAME_WORDS];
    for (long number = 1; fgets(line, sizeof line, stdin); ++number) {
        int count = 0;
        line[strcspn(line, "\r\n")] = 0;
        memcpy(copy, line, strlen(line) + 1);
        for (char *word = strtok(copy, " \t"); word; word = strtok(NULL, " \t")) {
            if (count < $NAME_WORDS)
                words[count] = word;
            ++count;
        }
        if ($name_predict(&state, words, count, labels, sure)) {
            fprintf(stderr, "line %ld has too many words, %d, or no labelling that may be\n", number, count);
            return 1;
        }
        for (int t = 0; t < count; ++t)
            printf("%s%s/%s", t ? " " : "", words[t], $name_labels[labels[t]]);
        printf("\t%s\n", line);
        fflush(stdout);
    }
    return 0;
}
