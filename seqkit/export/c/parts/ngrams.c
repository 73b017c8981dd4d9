/* Counts an n-gram that the text has not had before; its text ends at end, NULL where it is longer than any known. */
static int count_ngram($name_state *s, char *key, char *end, float *totals)
{
    if (!end)
        return 0;
    *end = 0;
    const int row = find(ngrams, sizeof ngrams / sizeof *ngrams, key);
    if (row < 0 || s->seen[row / 8] >> row % 8 & 1)
        return 0;
    s->seen[row / 8] |= (unsigned char)(1 << row % 8);
    for (int k = 0; k < $NAME_LABELS; ++k)
        totals[k] += evidence[(size_t)row * $NAME_LABELS + k];
    return 1;
}

/* The n-grams of letters inside a token, its ends included, in lower case. */
static int count_letters($name_state *s, int token, float *totals)
{
    char key[LONGEST_NGRAM + 1] = "\036\037";
    int length = s->ends[token] - s->starts[token], known = 0;
    s->word[0] = ' ';
    memcpy(s->word + 1, s->codes + s->starts[token], (size_t)length * sizeof *s->word);
    length = to_lower(s->word + 1, length, $NAME_CHARACTERS);
    s->word[++length] = ' ';
    ++length;
    for (int size = 2; size <= SPELLED && size <= length; ++size)
        for (int at = 0; at + size <= length && LONGEST_NGRAM > 3; ++at)
            known += count_ngram(s, key, spell(s->word + at, size, key + 2, key + LONGEST_NGRAM), totals);
    return known;
}

/* What n-grams say of the text: the sum of the evidence of each that is known, by the root of their number. */
static void add_ngrams($name_state *s, int count, float *logits)
{
    float totals[$NAME_LABELS] = {0};
    int known = 0;
    memset(s->seen, 0, sizeof s->seen);
    for (int size = 1; size <= ORDER; ++size)
        for (int first = 0; first + size <= count; ++first) {
            char key[LONGEST_NGRAM + 1], *end = key;
            for (int t = first; end && t < first + size; ++t) {
                if (t > first)
                    *end++ = '\037';
                end = spell(s->codes + s->starts[t], s->ends[t] - s->starts[t], end, key + LONGEST_NGRAM - 1);
            }
            known += count_ngram(s, key, end, totals);
        }
    if (SPELLED)
        for (int t = 0; t < count; ++t)
            known += count_letters(s, t, totals);
    for (int k = 0; k < $NAME_LABELS; ++k)
        logits[k] += totals[k] / sqrtf(known ? (float)known : 1.0f);
}
