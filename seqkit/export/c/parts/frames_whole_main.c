static $name_state state;
static float frames[$NAME_STEPS * $NAME_FEATURES], answers[$NAME_STEPS * $NAME_LABELS];

int main(void)
{
    static char line[65536];
    int count = 0, more = 1;
    for (long number = 1; more; ++number) {
        more = read_line(line, sizeof line);
        if (more && line[strspn(line, " \t")]) {
            if (count == $NAME_STEPS) {
                fprintf(stderr, "line %ld: more than %d frames; compile with a larger $NAME_STEPS\n", number, count);
                return 1;
            }
            if (!read_frame(line, frames + (size_t)count * $NAME_FEATURES)) {
                fprintf(stderr, "line %ld is no frame of %d numbers; correct it\n", number, $NAME_FEATURES);
                return 1;
            }
            ++count;
            continue;
        }
        /* The end of a sequence. */
        $name_predict(&state, frames, count, answers);
        for (int t = 0; t < count; ++t) {
            if (t)
                printf(" ");
            show(answers + (size_t)t * $NAME_LABELS);
        }
        if (count)
            printf("\n");
        count = 0;
    }
    return 0;
}
