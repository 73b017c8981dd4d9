enum { CR = 1, LF, CONTROL, EXTEND, JOINER, FLAG, PREPEND, SPACING, LEAD, VOWEL, TAIL, SYLLABLE, CLOSED, PICTURE };

static int cluster_kind(int code)
{
    if (code >= 0xAC00 && code <= 0xD7A3)
        return (code - 0xAC00) % 28 ? CLOSED : SYLLABLE;
    return NUMBER_IN(cluster_kinds, code);
}

static int is_syllable(int before, int after)
{
    if (before == LEAD)
        return after == LEAD || after == VOWEL || after == SYLLABLE || after == CLOSED;
    if (before == SYLLABLE || before == VOWEL)
        return after == VOWEL || after == TAIL;
    return (before == CLOSED || before == TAIL) && after == TAIL;
}

/* Where the grapheme cluster ends that begins at a code point (Unicode Standard Annex 29). */
static int cluster_end(const int *codes, int count, int at)
{
    int before = cluster_kind(codes[at]), flags = 1, end = at + 1;
    /* As the package regex does, a consonant joins a linker whatever stands before that. */
    int picture = before == PICTURE, linked = NUMBER_IN(conjunct_kinds, codes[at]) == 2;
    for (; end < count; ++end) {
        const int after = cluster_kind(codes[end]), conjunct = NUMBER_IN(conjunct_kinds, codes[end]);
        if (before == CR && after == LF)
            return end + 1;
        if ((before && before <= CONTROL) || (after && after <= CONTROL))
            return end;
        const int joined = is_syllable(before, after) || after == EXTEND || after == JOINER || after == SPACING
            || before == PREPEND || (linked && conjunct == 1) || (picture && before == JOINER && after == PICTURE)
            || (before == FLAG && after == FLAG && flags == 1);
        if (!joined)
            return end;
        flags += after == FLAG;
        picture = after == PICTURE || (picture && (after == EXTEND || after == JOINER));
        linked = conjunct == 2 || (linked && conjunct == 3);
        before = after;
    }
    return end;
}
