/* The numbers of a line, between semicolons, commas, tabs or spaces; 1 if they are a frame. */
static int read_frame(const char *line, float *frame)
{
    const char separator = strchr(line, ';') ? ';' : strchr(line, ',') ? ',' : strchr(line, '\t') ? '\t' : ' ';
    int count = 0;
    for (const char *at = line;;) {
        char *end;
        while (*at == ' ')
            ++at;
        const float value = strtof(at, &end);
        const int missing = end == at;
        if (missing && !strncmp(at, "na", 2))
            end += 2;
        if (count == $NAME_FEATURES)
            return 0;
        frame[count++] = missing ? nanf("") : value;
        while (*end == ' ')
            ++end;
        if (!*end)
            return count == $NAME_FEATURES;
        if (separator != ' ' && *end != separator)
            return 0;
        if (separator == ' ' && end == at)
            return 0;
        at = end + (separator != ' ');
    }
}

/* Reads a line without its end into a buffer; 0 at the end of the input. */
static int read_line(char *line, int size)
{
    if (!fgets(line, size, stdin))
        return 0;
    line[strcspn(line, "\r\n")] = 0;
    return 1;
}
