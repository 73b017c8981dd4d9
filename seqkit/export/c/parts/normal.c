/* Adds one code point behind those before it; marks are put in the order of their classes. */
static int append_part(int *codes, int count, int room, int code)
{
    const int class = NUMBER_IN(mark_classes, code);
    int at = count;
    if (count == room)
        return count;
    for (; class && at > 0 && NUMBER_IN(mark_classes, codes[at - 1]) > class; --at)
        codes[at] = codes[at - 1];
    codes[at] = code;
    return count + 1;
}

/* Adds a code point, taken apart (Unicode Standard Annex 15). */
static int append(int *codes, int count, int room, int code)
{
    size_t low = 0, high = sizeof parts_of / sizeof *parts_of;
    if (code >= 0xAC00 && code <= 0xD7A3) {
        const int number = code - 0xAC00;
        count = append_part(codes, count, room, 0x1100 + number / 588);
        count = append_part(codes, count, room, 0x1161 + number % 588 / 28);
        return number % 28 ? append_part(codes, count, room, 0x11A7 + number % 28) : count;
    }
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (parts_of[middle].first < code)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == sizeof parts_of / sizeof *parts_of || parts_of[low].first != code)
        return append_part(codes, count, room, code);
    /* Of these rows the last two numbers are where the parts begin, and how many there are. */
    for (int k = 0; k < parts_of[low].number; ++k)
        count = append_part(codes, count, room, letters[parts_of[low].last + k]);
    return count;
}

/* The character that two make, 0 for none. */
static int pair_of(int first, int second)
{
    size_t low = 0, high = sizeof pairs / sizeof *pairs;
    if (first >= 0x1100 && first <= 0x1112 && second >= 0x1161 && second <= 0x1175)
        return 0xAC00 + ((first - 0x1100) * 21 + second - 0x1161) * 28;
    if (first >= 0xAC00 && first <= 0xD7A3 && (first - 0xAC00) % 28 == 0 && second > 0x11A7 && second <= 0x11C2)
        return first + second - 0x11A7;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (pairs[middle].first < first || (pairs[middle].first == first && pairs[middle].last < second))
            low = middle + 1;
        else
            high = middle;
    }
    return low < sizeof pairs / sizeof *pairs && pairs[low].first == first && pairs[low].last == second
        ? pairs[low].number : 0;
}

/* Joins letters with their marks, in place; the new length. */
static int compose(int *codes, int count)
{
    int written = 0, starter = -1, before = 0;
    for (int t = 0; t < count; ++t) {
        const int code = codes[t], class = NUMBER_IN(mark_classes, code);
        const int next_to_it = starter >= 0 && (starter == written - 1 || (before && before < class));
        const int joined = next_to_it ? pair_of(codes[starter], code) : 0;
        if (joined) {
            codes[starter] = joined;
            continue;
        }
        if (!class)
            starter = written;
        before = class;
        codes[written++] = code;
    }
    return written;
}
