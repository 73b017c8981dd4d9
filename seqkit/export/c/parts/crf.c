/* log(exp a + exp b), of which nothing but -inf is -inf. */
static double log_sum(double a, double b)
{
    const double most = fmax(a, b);
    return most == -INFINITY ? most : most + log1p(exp(fmin(a, b) - most));
}

/* The logarithms of the sums over all labellings up to each label of each word, and of those after it. */
static double sum_labellings($name_state *s, int count)
{
    double total = -INFINITY;
    for (int t = 0; t < count; ++t)
        for (int k = 0; k < $NAME_LABELS; ++k) {
            double sum = t ? -INFINITY : chain_start[k];
            for (int j = 0; t && j < $NAME_LABELS; ++j)
                sum = log_sum(sum, s->forward[(t - 1) * $NAME_LABELS + j] + transitions[j * $NAME_LABELS + k]);
            s->forward[t * $NAME_LABELS + k] = sum + (double)s->logits[t * $NAME_LABELS + k];
        }
    for (int t = count; t-- > 0;)
        for (int j = 0; j < $NAME_LABELS; ++j) {
            double sum = t + 1 == count ? chain_end[j] : -INFINITY;
            for (int k = 0; t + 1 < count && k < $NAME_LABELS; ++k) {
                const int next = (t + 1) * $NAME_LABELS + k;
                sum = log_sum(sum, transitions[j * $NAME_LABELS + k] + (double)s->logits[next] + s->backward[next]);
            }
            s->backward[t * $NAME_LABELS + j] = sum;
        }
    for (int k = 0; count && k < $NAME_LABELS; ++k)
        total = log_sum(total, s->forward[(count - 1) * $NAME_LABELS + k] + chain_end[k]);
    return total;
}

/* The likeliest labelling (Viterbi), and the probability of each of its labels; -1 where there is none. */
static int choose($name_state *s, int count, int *labels, float *sure)
{
    double best[$NAME_LABELS], after[$NAME_LABELS];
    const double total = sum_labellings(s, count);
    if (!count || total == -INFINITY)
        return count ? -1 : 0;
    for (int k = 0; k < $NAME_LABELS; ++k)
        best[k] = chain_start[k] + (double)s->logits[k];
    for (int t = 1; t < count; ++t) {
        for (int k = 0; k < $NAME_LABELS; ++k) {
            int from = 0;
            for (int j = 1; j < $NAME_LABELS; ++j)
                if (best[j] + transitions[j * $NAME_LABELS + k] > best[from] + transitions[from * $NAME_LABELS + k])
                    from = j;
            s->sources[t * $NAME_LABELS + k] = from;
            after[k] = best[from] + transitions[from * $NAME_LABELS + k] + (double)s->logits[t * $NAME_LABELS + k];
        }
        memcpy(best, after, sizeof best);
    }
    int label = 0;
    for (int k = 1; k < $NAME_LABELS; ++k)
        if (best[k] + chain_end[k] > best[label] + chain_end[label])
            label = k;
    for (int t = count; t-- > 0;) {
        const int at = t * $NAME_LABELS + label;
        labels[t] = label;
        sure[t] = (float)exp(s->forward[at] + s->backward[at] - total);
        label = t ? s->sources[at] : 0;
    }
    return 0;
}
