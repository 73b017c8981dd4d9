int main(void)
{
    static $name_state state;
    static char line[65536];
    float frame[$NAME_FEATURES], answer[$NAME_LABELS];
    int read = 0, more = 1;
    for (long number = 1; more; ++number) {
        more = read_line(line, sizeof line);
        if (more && line[strspn(line, " \t")]) {
            if (!read_frame(line, frame)) {
                fprintf(stderr, "line %ld is no frame of %d numbers; correct it\n", number, $NAME_FEATURES);
                return 1;
            }
            ++read;
            if ($name_step(&state, frame, answer)) {
                show(answer);
                printf("\n");
                fflush(stdout);
            }
            continue;
        }
        /* The end of a sequence. */
        for (int t = 0; read && t < $NAME_DELAY; ++t)
            if ($name_step(&state, NULL, answer)) {
                show(answer);
                printf("\n");
            }
        $name_start(&state);
        read = 0;
    }
    return 0;
}
