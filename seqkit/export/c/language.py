"""One step of a language model in C.

V symbols.
"""

from __future__ import annotations

from torch import nn

from seqkit.data.tokenizers import ByteTokenizer, CharTokenizer
from seqkit.export.c.layers import add_recurrent, start_lines, state_bytes, state_lines, step_lines
from seqkit.export.c.products import add_vectors, linear
from seqkit.export.c.program import ARGMAX, begin
from seqkit.export.c.source import Source
from seqkit.graphs import Answering
from seqkit.runs.model import Model
from seqkit.topologies.next_step.codec import StreamCodec
from seqkit.topologies.next_step.head import LanguageModelHead

_CALLS = """
$name_state state;                      the caller's, {bytes:,} bytes
$name_start(&state);
$name_step(&state, token, logits);      logits: $NAME_SYMBOLS numbers, how likely each symbol comes next

Begin with the token $NAME_START. $name_symbols has the texts of the symbols, $name_symbol(text, size) is the number of
one; never write one whose number is in $name_banned.
"""


def write_language(source: Source, model: Model, answering: Answering) -> None:
    """Adds ``$name_step`` of a :class:`LanguageModelHead`."""
    head, codec = model.head, model.codec
    assert isinstance(head, LanguageModelHead) and isinstance(codec, StreamCodec)
    decoder, layer = head.decoder, head.decoder.recurrent
    begin(source, model, "One step of a language model", _CALLS.format(bytes=state_bytes(layer)))
    source.add(f"enum {{ $NAME_SYMBOLS = {len(codec.vocabulary)}, $NAME_START = {head.start} }};")
    _add_symbols(source, codec, answering.settings["banned"])
    source.add(f"typedef struct {{\n{state_lines(layer)}\n}} $name_state;")
    vector = add_vectors(source, "embedding", decoder.embedding.weight)
    add_recurrent(source, layer)
    step, features = step_lines(layer, "x")
    lines = []
    if isinstance(decoder.narrow, nn.Linear):
        lines.append(f"    float narrow[{decoder.narrow.out_features}];")
        lines.append(linear(source, "narrow", decoder.narrow)(features, "narrow"))
        features = "narrow"
    lines.append(linear(source, "output", decoder.output)(features, "logits"))
    written = "\n".join(lines)
    source.add(f"""
void $name_start($name_state *s);
void $name_step($name_state *s, int token, float *logits);
int $name_symbol(const char *text, int size);

void $name_start($name_state *s)
{{
{start_lines(layer)}
}}

void $name_step($name_state *s, int token, float *logits)
{{
    const float *x = {vector("token")};
{step}
{written}
}}""")
    source.part("symbols.c")
    source.add("#ifdef SEQKIT_MAIN" + ARGMAX)
    source.part("language_main.c")
    source.add("#endif")


def _add_symbols(source: Source, codec: StreamCodec, banned: list[int]) -> None:
    """The texts of symbols, in UTF-8 or bytes, which may be 0; and their sizes."""
    vocabulary, tokenizer = codec.vocabulary, codec.tokenizer
    symbols = [*vocabulary.symbols]
    special = len(vocabulary.specials)
    if isinstance(tokenizer, ByteTokenizer):
        contents = [b"" if n < special else bytes([int(s, 16)]) for n, s in enumerate(symbols)]
    else:
        contents = [b"" if n < special else s.encode() for n, s in enumerate(symbols)]
    spaces = int(not isinstance(tokenizer, ByteTokenizer | CharTokenizer))
    source.add(f"enum {{ $NAME_SPACES = {spaces} }}; /* 1: there are spaces between symbols */")
    source.strings("$name_symbols", contents)
    source.integers("$name_sizes", map(len, contents))
    source.integers("$name_banned", banned)
