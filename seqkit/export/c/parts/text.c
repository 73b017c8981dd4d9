/* The code point at *at of a text in UTF-8; U+FFFD for what is none. */
static int next_code(const unsigned char **at)
{
    const unsigned char *c = *at;
    const int extra = *c >= 0xF0 && *c < 0xF5 ? 3 : *c >= 0xE0 && *c < 0xF0 ? 2 : *c >= 0xC2 && *c < 0xE0 ? 1 : 0;
    int code = extra ? *c & (0x3F >> extra) : *c < 0x80 ? *c : 0xFFFD;
    ++*at;
    for (int k = 1; k <= extra; ++k, ++*at) {
        const int low = k > 1 ? 0x80 : *c == 0xE0 ? 0xA0 : *c == 0xF0 ? 0x90 : 0x80;
        const int high = k > 1 ? 0xBF : *c == 0xED ? 0x9F : *c == 0xF4 ? 0x8F : 0xBF;
        if (**at < low || **at > high)
            return 0xFFFD;
        code = code << 6 | (**at & 0x3F);
    }
    return code;
}

/* Writes code points as UTF-8 into a buffer; where it ends, or NULL where there is no room. */
static char *spell(const int *codes, int count, char *out, const char *end)
{
    for (int k = 0; out && k < count; ++k) {
        const int code = codes[k], extra = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        if (end - out <= extra)
            return NULL;
        *out++ = (char)(extra ? (0xF0 << (3 - extra) & 0xFF) | code >> (6 * extra) : code);
        for (int rest = extra; rest-- > 0;)
            *out++ = (char)(0x80 | (code >> (6 * rest) & 0x3F));
    }
    return out;
}

/* The row of a text in a sorted table, -1 where it is not in it. */
static int find(const char *const *table, int count, const char *text)
{
    int low = 0, high = count;
    while (low < high) {
        const int middle = (low + high) / 2, order = strcmp(table[middle], text);
        if (!order)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}
