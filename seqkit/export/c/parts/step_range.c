/* Each code point between first and last, step by step, becomes lower by the same change. */
typedef struct {
    int first, last, step, change;
} step_range;
