/* Answers each line of standard input. */
int main(void)
{
    static $name_state state;
    static char line[1 << 20];
    float probabilities[$NAME_LABELS];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\r\n")] = 0;
        if (line[strspn(line, " \t")])
            show($name_predict(&state, line, probabilities), probabilities);
        printf("\t%s\n", line);
        fflush(stdout);
    }
    return 0;
}
