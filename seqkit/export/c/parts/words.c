enum { SPACE = 1, LETTER, UNSPACED, NUMBER };

static int kind_at(const int *codes, int count, int at)
{
    return at < count ? NUMBER_IN(word_kinds, codes[at]) : 0;
}

static int end_of_kind(const int *codes, int count, int at, int kind)
{
    while (kind_at(codes, count, at) == kind)
        ++at;
    return at;
}

/* A line break of HTML is white space: <br>, <br />. Where it ends, or 0. */
static int break_end(const int *codes, int count, int at)
{
    if (at + 3 >= count || codes[at] != '<' || (codes[at + 1] | 32) != 'b' || (codes[at + 2] | 32) != 'r')
        return 0;
    at = end_of_kind(codes, count, at + 3, SPACE);
    if (at < count && codes[at] == '/')
        ++at;
    return at < count && codes[at] == '>' ? at + 1 : 0;
}

static int is_one_of(const int *codes, int count, int at, const int *marks)
{
    for (; at < count && *marks; ++marks)
        if (codes[at] == *marks)
            return 1;
    return 0;
}

/* The next word, number, mark, or run of a mark, from *at on; 0 at the end of the text. */
static int next_token(const int *codes, int count, int *at, int *start)
{
    static const int joiners[] = {'\'', 0x2019, 0x200C, 0x200D, 0}, points[] = {'.', ',', 0};
    static const int repeated[] = {'.', '!', '\?', '-', '*', 0};
    int end = *at, kind = 0;
    for (; end < count; ++end) {
        const int skipped = break_end(codes, count, end);
        kind = kind_at(codes, count, end);
        if (skipped)
            end = skipped - 1;
        else if (kind != SPACE)
            break;
    }
    if (end == count)
        return 0;
    *start = end;
    if (kind == LETTER || kind == NUMBER) {
        end = end_of_kind(codes, count, end, kind);
        while (is_one_of(codes, count, end, kind == LETTER ? joiners : points)
               && kind_at(codes, count, end + 1) == kind)
            end = end_of_kind(codes, count, end + 1, kind);
    } else if (kind == UNSPACED) {
        end = cluster_end(codes, count, end);
    } else if (is_one_of(codes, count, end, repeated)) {
        while (end < count && codes[end] == codes[*start])
            ++end;
    } else {
        ++end;
    }
    *at = end;
    return 1;
}
