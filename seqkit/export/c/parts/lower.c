static int lower_one(int code)
{
    size_t low = 0, high = sizeof lower_steps / sizeof *lower_steps;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (lower_steps[middle].last < code)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == sizeof lower_steps / sizeof *lower_steps || lower_steps[low].first > code)
        return code;
    return (code - lower_steps[low].first) % lower_steps[low].step ? code : code + lower_steps[low].change;
}

/* Whether a sigma stands at the end of a word. */
static int is_final(const int *codes, int count, int at)
{
    int before = at - 1, after = at + 1;
    while (before >= 0 && NUMBER_IN(ignorable, codes[before]))
        --before;
    while (after < count && NUMBER_IN(ignorable, codes[after]))
        ++after;
    return before >= 0 && NUMBER_IN(cased, codes[before]) && !(after < count && NUMBER_IN(cased, codes[after]));
}

/* A text in lower case, in place; its new length. */
static int to_lower(int *codes, int count, int room)
{
    for (int t = 0; t < count; ++t) {
        if (codes[t] == 0x3A3) {
            codes[t] = is_final(codes, count, t) ? 0x3C2 : 0x3C3;
        } else if (codes[t] == 0x130 && count < room) {
            memmove(codes + t + 1, codes + t, (size_t)(count++ - t) * sizeof *codes);
            codes[t++] = 'i';
            codes[t] = 0x307;
        } else {
            codes[t] = lower_one(codes[t]);
        }
    }
    return count;
}
