/* Reads a prompt, writes it and 200 symbols more, or as many as the first argument says: the likeliest each time. */
int main(int count, char **arguments)
{
    static char text[1 << 20];
    static float logits[$NAME_SYMBOLS];
    static $name_state state;
    const int size = (int)fread(text, 1, sizeof text, stdin), length = count > 1 ? atoi(arguments[1]) : 200;
    int token = $NAME_START;
    $name_start(&state);
    for (int at = 0; at < size;) {
        /* The longest symbol that stands here. */
        int found = -1, longest = 0;
        for (int k = 0; k < $NAME_SYMBOLS; ++k)
            if ($name_sizes[k] > longest && $name_sizes[k] <= size - at
                && !memcmp($name_symbols[k], text + at, (size_t)$name_sizes[k])) {
                found = k;
                longest = $name_sizes[k];
            }
        if (found < 0) {
            fprintf(stderr, "byte %d of the prompt begins no symbol that training has seen; leave it out\n", at + 1);
            return 1;
        }
        $name_step(&state, token, logits);
        token = found;
        at += longest;
        while ($NAME_SPACES && at < size && (text[at] == ' ' || text[at] == '\n'))
            ++at;
    }
    fwrite(text, 1, (size_t)size, stdout);
    for (int t = 0; t < length; ++t) {
        $name_step(&state, token, logits);
        for (size_t k = 0; k < sizeof $name_banned / sizeof *$name_banned; ++k)
            logits[$name_banned[k]] = -INFINITY;
        token = likeliest(logits, $NAME_SYMBOLS);
        if ($NAME_SPACES)
            printf(" ");
        fwrite($name_symbols[token], 1, (size_t)$name_sizes[token], stdout);
    }
    printf("\n");
    return 0;
}
