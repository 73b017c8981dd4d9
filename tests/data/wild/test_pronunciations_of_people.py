"""Pronouncing dictionaries: what is a phoneme, what a variant, and what a comment."""

import pytest


def sides(reading):
    return [(pair.source, *pair.references) for pair in reading.examples]


SPACED = [("cat", "K AE T"), ("read", "R IY D"), ("read", "R EH D")]

DICTIONARIES = {
    "tab": "cat\tK AE T\nread\tR IY D\nread\tR EH D\n",
    "variants": "cat\tK AE T\nread\tR IY D\nread(2)\tR EH D\n",
    "two spaces, comments": ";;; a dictionary\ncat  K AE1 T\nread  R IY1 D\nread(1)  R EH1 D\n",
    "one space": "cat K AE T\nread R IY D\nread R EH D\n",
    "slashes": "cat\t/K AE T/\nread\t/R IY D/\nread\t/R EH D/\n",
    "brackets": "cat\t[K AE1 T]\nread\t[R IY1 D]\nread\t[R EH1 D]\n",
    "no spaces": "cat\tKAE1T\nread\tRIY1D\nread(2)\tREH1D\n",
    "tabs": "cat\tK\tAE\tT\nread\tR\tIY\tD\nread\tR\tEH\tD\n",
    "header": "word\tphonemes\ncat\tK AE T\nread\tR IY D\nread\tR EH D\n".replace(
        "word\tphonemes\n", "source\ttarget\n"
    ),
    "old mac": "cat\tK AE T\rread\tR IY D\rread\tR EH D\r",
}


@pytest.mark.parametrize("content", DICTIONARIES.values(), ids=DICTIONARIES)
def test_phonemes_are_read_however_they_are_written(wild, content):
    assert sides(wild("g2p", "words.txt", content)) == SPACED


@pytest.mark.parametrize(
    ("written", "phonemes"),
    [
        ("kæt", "k æ t"),
        ("/kæt/", "k æ t"),
        ("ˈwɔːtə", "w ɔː t ə"),
        ("tʰɑ̃ːʒ", "tʰ ɑ̃ː ʒ"),
        ("t͡ʃɜːt͡ʃ", "t͡ʃ ɜː t͡ʃ"),
        ("ni˨˩hɑʊ̯˨˩˦", "n i˨˩ h ɑ ʊ̯˨˩˦"),
        ("ˌɪn.təˈneɪ.ʃən", "ɪ n t ə n e ɪ ʃ ə n"),
        ("ãnĩ", "ã n ĩ"),
    ],
)
def test_ipa_is_cut_into_letters_with_their_marks_and_said(wild, written, phonemes):
    reading = wild("g2p", "words.tsv", f"x\t{written}\nyy\tbab\n")
    assert sides(reading)[0] == ("x", phonemes)
    assert any(note.startswith("phonemes have no spaces between them") for note in reading.notes)


def test_stress_stays_where_it_is_requested(wild):
    assert sides(wild("g2p", "w.tsv", "water\tˈwɔːtə\nat\tæt\n", stress=True))[0] == ("water", "ˈw ɔː t ə")
    assert sides(wild("g2p", "w.tsv", "cat\tKAE1T\nat\tAE1T\n", stress=True)) == [("cat", "K AE1 T"), ("at", "AE1 T")]


def test_a_note_says_what_variants_are_read_as(wild):
    assert (
        "'read(2)' and the like are read as other pronunciations"
        in wild("g2p", "w.tsv", "read\tR IY D\nread(2)\tR EH D\n").notes[0]
    )


def test_symbols_with_spaces_are_never_cut(wild):
    reading = wild("g2p", "words.tsv", "a\tah\nbee\tb ih\nsee\ts ih\n")
    assert sides(reading)[1:] == [("bee", "b ih"), ("see", "s ih")] and not reading.notes


def test_a_word_alone_is_named(wild):
    assert wild("g2p", "words.txt", "cat K AE T\ndog\n").error.startswith("words.txt:2: no tab in 'dog'")
