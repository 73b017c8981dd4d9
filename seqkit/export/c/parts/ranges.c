typedef struct {
    int first, last, number;
} range;

/* The number of the range that a code point lies in; 0 where it is in none. */
static int number_in(const range *ranges, size_t count, int code)
{
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (ranges[middle].last < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && ranges[low].first <= code ? ranges[low].number : 0;
}

#define NUMBER_IN(table, code) number_in(table, sizeof table / sizeof *table, code)
