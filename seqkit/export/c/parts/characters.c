/* The next character as readers see it, from *at on; 0 at the end of the text. */
static int next_token(const int *codes, int count, int *at, int *start)
{
    if (*at == count)
        return 0;
    *start = *at;
    *at = cluster_end(codes, count, *at);
    return 1;
}
