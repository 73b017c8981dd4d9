/* The number of the symbol that is spelled by these bytes, -1 for an unknown one. */
int $name_symbol(const char *text, int size)
{
    for (int k = 0; k < $NAME_SYMBOLS; ++k)
        if (size && $name_sizes[k] == size && !memcmp($name_symbols[k], text, (size_t)size))
            return k;
    return -1;
}
