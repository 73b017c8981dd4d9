"""Labels of the words of a sentence in C: words and their spelling, the encoder, and a CRF where there is one.

T words, K labels, E and C sizes of the vectors of words and of their spelling.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from seqkit.export.c.layers import add_recurrent, add_run, rooms
from seqkit.export.c.products import add_product, add_vectors, linear
from seqkit.export.c.program import ARGMAX, SOFTMAX, begin, labels, refuse
from seqkit.export.c.source import Source
from seqkit.export.c.texts import add_vocabulary
from seqkit.export.c.unicode import add_lower, add_normal
from seqkit.graphs import Answering
from seqkit.layers import CRF
from seqkit.layers.words import ConvolutionalSpeller, RecurrentSpeller, WordEmbedding
from seqkit.runs.model import Model
from seqkit.topologies.synced.tagging.codec import TagCodec
from seqkit.topologies.synced.tagging.head import TaggingHead

_SPELLED = 32
"""Characters of a word that are read: of a longer one those of its two ends"""
_CALLS = """
static $name_state state;               large: sizeof state; nothing in it is kept between calls
$name_predict(&state, words, count, labels, sure);

words: count texts in UTF-8, $NAME_WORDS at most, as they are in the sentence; labels: the number of each one's label
in $name_labels; sure: the probability of each label. Returns 0, or -1 for more words than that{none}.
"""


def write_tags(source: Source, model: Model, answering: Answering) -> None:
    """Adds ``$name_predict`` of a :class:`TaggingHead`."""
    head, codec = model.head, model.codec
    assert isinstance(head, TaggingHead) and isinstance(codec, TagCodec)
    if head.features is not None:
        raise refuse(model, "it reads features of words, so train it with --features false")
    layer, embedding = head.encoder.recurrent, head.encoder.embedding
    assert isinstance(embedding, WordEmbedding)
    limited = head.crf is not None and head.crf.allowed is not None
    none = ", or\nwhere what may follow what leaves no labelling" if limited else ""
    begin(source, model, "A label for each word of a sentence", _CALLS.format(none=none))
    labels(source, head.labels)
    source.add("#ifndef $NAME_WORDS\n#define $NAME_WORDS 512\n#endif")
    source.add("#ifndef $NAME_CHARACTERS\n#define $NAME_CHARACTERS 512\n#endif")
    _add_words(source, codec)
    _add_speller(source, codec, embedding.speller)
    _add_state(source, head, embedding)
    add_recurrent(source, layer)
    add_run(source, "run", layer, "$name_state", f"s->x + (size_t)t * {embedding.output_size}")
    _add_read(source, codec, embedding)
    if head.crf is None:
        _add_choice(source, head)
    else:
        _add_chain(source, head.crf)
    _add_predict(source, head)
    source.add("#ifdef SEQKIT_MAIN")
    source.part("tagging_main.c")
    source.add("#endif")


def _add_words(source: Source, codec: TagCodec) -> None:
    """What reads words: normal form, lower case, and their numbers."""
    source.part("text.c")
    add_normal(source, codec.normal_form)
    add_lower(source)
    source.add(f"enum {{ LOWERCASE = {int(codec.lowercase)} }};")
    add_vocabulary(source, codec.vocabulary)


def _add_speller(source: Source, codec: TagCodec, speller: RecurrentSpeller | ConvolutionalSpeller | None) -> None:
    """Adds ``read_spelling(s, count, vector)`` and the ``speller`` that it works in, if words are spelled."""
    if speller is None:
        return
    alphabet = codec.alphabet
    first = len(alphabet.specials)
    known = sorted((ord(symbol), number) for number, symbol in enumerate(alphabet.symbols[first:], first))
    source.table("range", "alphabet", (f"{{{code}, {code}, {number}}}" for code, number in known))
    source.add(f"enum {{ UNKNOWN_CHARACTER = {alphabet.unk}, SPELLED = {_SPELLED} }};")
    if isinstance(speller, RecurrentSpeller):
        _add_recurrent_speller(source, speller)
    else:
        _add_convolution(source, speller)


def _add_recurrent_speller(source: Source, speller: RecurrentSpeller) -> None:
    layer = speller.encoder.recurrent
    vector = add_vectors(source, "character_vectors", speller.encoder.embedding.weight)  # type: ignore[arg-type]
    add_recurrent(source, layer, "spelling")
    source.add(f"typedef struct {{\n    int characters[SPELLED];\n{rooms(layer, 'SPELLED')}\n}} speller;")
    add_run(source, "run_spelling", layer, "speller", vector("s->characters[t]"), "spelling")
    source.add(f"""
/* The last states of both directions over the characters of a word. */
static void read_spelling(speller *s, int count, float *vector)
{{
    run_spelling(s, count);
    memcpy(vector, s->final, {speller.output_size} * sizeof *vector);
}}""")


def _add_convolution(source: Source, speller: ConvolutionalSpeller) -> None:
    width = speller.output_size
    weight, bias = speller.convolution.weight, speller.convolution.bias
    assert bias is not None
    vector = add_vectors(source, "character_vectors", speller.embedding.weight)
    source.floats("convolution_bias", bias)
    calls = [add_product(source, f"convolution_{place}", weight[:, :, place]) for place in range(weight.shape[2])]
    lines = "\n".join(
        f"        if (t + {place} >= 1 && t + {place} <= count)\n"
        f"            {call}{vector(f's->characters[t + {place} - 1]')}, y);"
        for place, call in enumerate(calls)
    )
    source.add("typedef struct {\n    int characters[SPELLED];\n} speller;")
    source.add(f"""
/* The maximum over a word of a convolution over three characters at a time. */
static void read_spelling(speller *s, int count, float *vector)
{{
    memset(vector, 0, {width} * sizeof *vector);
    for (int t = 0; t < count; ++t) {{
        float y[{width}];
        memcpy(y, convolution_bias, sizeof y);
{lines}
        for (int k = 0; k < {width}; ++k)
            vector[k] = fmaxf(vector[k], y[k]);
    }}
}}""")


def _add_state(source: Source, head: TaggingHead, embedding: WordEmbedding) -> None:
    chain = ""
    if head.crf is not None:
        chain = """
    double forward[$NAME_WORDS * $NAME_LABELS], backward[$NAME_WORDS * $NAME_LABELS]; /* logarithms of sums */
    int sources[$NAME_WORDS * $NAME_LABELS]; /* which label before leads to each best */"""
    field = "\n    speller spelled;" if embedding.speller else ""
    source.add(f"""
typedef struct {{
    int codes[$NAME_CHARACTERS + 2]; /* code points of a word */
    float x[$NAME_WORDS * {embedding.output_size}], logits[$NAME_WORDS * $NAME_LABELS];
{rooms(head.encoder.recurrent, "$NAME_WORDS")}{field}{chain}
}} $name_state;

int $name_predict($name_state *s, const char *const *words, int count, int *labels, float *sure);""")


def _add_read(source: Source, codec: TagCodec, embedding: WordEmbedding) -> None:
    size = embedding.words.embedding_dim
    vector = add_vectors(source, "embedding", embedding.words.weight)
    spelled = ""
    if embedding.speller:
        often = codec.spelled_below or max(codec.counts) + 1
        source.integers("seen", [min(count, often) for count in codec.counts])
        source.add(f"enum {{ SEEN_OFTEN = {often} }};")
        spelled = f"""
    memset(x + {size}, 0, {embedding.output_size - size} * sizeof *x);
    if (seen[number] < SEEN_OFTEN && length)
        read_spelling(&s->spelled, spell_out(s->codes, length, s->spelled.characters), x + {size});"""
        source.add("""
/* The numbers of the characters of a word, of a long one those of its ends; how many. */
static int spell_out(const int *codes, int length, int *characters)
{
    const int count = length < SPELLED ? length : SPELLED;
    for (int k = 0; k < count; ++k) {
        const int code = codes[k < SPELLED / 2 ? k : length - count + k];
        const int number = NUMBER_IN(alphabet, code);
        characters[k] = number ? number : UNKNOWN_CHARACTER;
    }
    return count;
}""")
    # The characters of a word are those before it is written in lower case.
    source.add(f"""
/* The vector of a word, and beside it that of its spelling. */
static void read_word($name_state *s, const char *word, float *x)
{{
    const unsigned char *byte = (const unsigned char *)word;
    char key[LONGEST_WORDS + 1];
    int lower[$NAME_CHARACTERS + 2], length = 0;
    while (*byte && length < $NAME_CHARACTERS)
        length = append(s->codes, length, $NAME_CHARACTERS, next_code(&byte));
    length = compose(s->codes, length);
    memcpy(lower, s->codes, (size_t)length * sizeof *lower);
    const int written = LOWERCASE ? to_lower(lower, length, $NAME_CHARACTERS) : length;
    char *end = spell(lower, written, key, key + LONGEST_WORDS);
    if (end)
        *end = 0;
    const int row = end ? find(words, sizeof words / sizeof *words, key) : -1;
    const int number = row < 0 ? UNKNOWN_WORDS : numbers_of_words[row];
    memcpy(x, {vector("number")}, {size} * sizeof *x);{spelled}
}}""")


def _add_choice(source: Source, head: TaggingHead) -> None:
    """Each word for itself: the largest ``p / frequency^balance``."""
    source.add(SOFTMAX)
    source.add(ARGMAX)
    source.floats("balance", torch.as_tensor(head.balance) * head.frequency.log())
    source.add("""
static int choose($name_state *s, int count, int *labels, float *sure)
{
    for (int t = 0; t < count; ++t) {
        float *logits = s->logits + (size_t)t * $NAME_LABELS, balanced[$NAME_LABELS];
        for (int k = 0; k < $NAME_LABELS; ++k)
            balanced[k] = logits[k] - balance[k];
        labels[t] = likeliest(balanced, $NAME_LABELS);
        softmax(logits, $NAME_LABELS);
        sure[t] = logits[labels[t]];
    }
    return 0;
}""")


def _add_chain(source: Source, crf: CRF) -> None:
    """The likeliest labelling (Viterbi), and how likely each of its labels is."""
    transitions, start, end = (
        _scores(values, limit)
        for values, limit in (
            (crf.transitions, crf.allowed),
            (crf.start, crf.may_start),
            (crf.end, crf.may_end),
        )
    )
    source.table("double", "transitions", transitions)
    source.table("double", "chain_start", start)
    source.table("double", "chain_end", end)
    source.part("crf.c")


def _scores(values: nn.Parameter, limit: torch.Tensor | None) -> list[str]:
    scores = values.detach().double()
    scores = scores if limit is None else scores.masked_fill(~limit, -math.inf)
    return ["-INFINITY" if score == -math.inf else repr(score) for score in scores.flatten().tolist()]


def _add_predict(source: Source, head: TaggingHead) -> None:
    embedding = head.encoder.embedding
    assert isinstance(embedding, WordEmbedding)
    output = linear(source, "output", head.exported_output())("h", "logits")
    source.add(f"""
int $name_predict($name_state *s, const char *const *words, int count, int *labels, float *sure)
{{
    if (count > $NAME_WORDS)
        return -1;
    for (int t = 0; t < count; ++t)
        read_word(s, words[t], s->x + (size_t)t * {embedding.output_size});
    run(s, count);
    for (int t = 0; t < count; ++t) {{
        const float *h = s->outputs + (size_t)t * {head.encoder.recurrent.output_size};
        float *logits = s->logits + (size_t)t * $NAME_LABELS;
    {output.strip().replace(chr(10), chr(10) + "    ")}
    }}
    return choose(s, count, labels, sure);
}}""")
