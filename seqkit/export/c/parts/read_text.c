/* The numbers of the tokens of a text, into s->tokens; how many there are. */
static int read_text($name_state *s, const char *text)
{
    const unsigned char *byte = (const unsigned char *)text;
    int length = 0, count = 0, at = 0;
    char key[LONGEST_WORDS + 1];
    while (*byte && length < $NAME_CHARACTERS)
        length = append(s->codes, length, $NAME_CHARACTERS, next_code(&byte));
    length = compose(s->codes, length);
    if (LOWERCASE)
        length = to_lower(s->codes, length, $NAME_CHARACTERS);
    while (count < $NAME_TOKENS && next_token(s->codes, length, &at, s->starts + count)) {
        const int start = s->starts[count];
        char *end = spell(s->codes + start, at - start, key, key + LONGEST_WORDS);
        int row = -1;
        if (end) {
            *end = 0;
            row = find(words, sizeof words / sizeof *words, key);
        }
        s->tokens[count] = row < 0 ? UNKNOWN_WORDS : numbers_of_words[row];
        s->ends[count++] = at;
    }
    return count;
}
