static int append(int *codes, int count, int room, int code)
{
    if (count < room)
        codes[count++] = code;
    return count;
}

static int compose(int *codes, int count)
{
    (void)codes;
    return count;
}
