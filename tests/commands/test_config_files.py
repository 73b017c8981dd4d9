"""Whatever a configuration file or an option holds, only a plain error comes out, and what is written reads back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.commands.task_options import config_values
from seqkit.config import make_config, options_of, parse_setting, read_toml, write_toml
from seqkit.errors import SeqkitError, UsageError
from seqkit.runs import find_task

TASK = find_task("sentiment")
KEYS = sorted(options_of(TASK.config))

# What TOML is made of, and what breaks readers of it.
PIECES = [
    *KEYS, "task", "sentiment", " = ", "=", ".", ",", "#", "\n", "\r\n", "\r", '"', "'", '"""', "'''", "[", "]", "{",
    "}", "1", "-1", "0.5", "1_000", "0x1f", "1e9", "1e999", "nan", "-inf", "9" * 400, "9" * 5000, "true", '"lstm"',
    '"é\U0001f642"', "2020-01-01", "2020-13-45", "25:61:00", "2020-01-01T00:00:00+99:99", '"\\u0000"',
    '"\\ud800"', '"\\UFFFFFFFF"', "\0", "\x7f", "\ufeff", "[" * 2000, "{a=" * 2000, "a." * 2000,
    "[cell_options]\n", "cell_options.reset = 1\n",
]  # fmt: skip
texts = st.text(max_size=20) | st.sampled_from(PIECES)
lines = st.builds("{} = {}\n".format, st.sampled_from(KEYS) | texts, texts)
files = st.binary(max_size=80) | st.lists(texts | lines, max_size=8).map(lambda parts: "".join(parts).encode())
modest = settings(max_examples=150, deadline=None, derandomize=True)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("config") / "c.toml"


def configuration(path, content):
    path.write_bytes(content)
    return make_config(TASK.config, config_values(TASK, str(path), (), {}))


@modest
@given(content=files)
def test_whatever_a_config_file_holds_only_a_plain_error_comes_out(content, path):
    try:
        config = configuration(path, content)
    except SeqkitError as error:
        assert str(path) in str(error) or "unknown" in str(error)
        assert len(str(error).splitlines()) == 1
    else:
        assert configuration(path, write_toml("sentiment", config).encode()) == config


@modest
@given(key=st.sampled_from(KEYS), value=texts)
def test_whatever_an_option_says_only_a_plain_error_comes_out(key, value):
    try:
        name, parsed = parse_setting(TASK.config, f"{key}={value}")
    except SeqkitError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert name == key
        assert getattr(make_config(TASK.config, {name: parsed}), key) == parsed


@modest
@given(value=st.text())
def test_any_text_is_the_same_after_it_was_written_and_read(value, path):
    config = make_config(TASK.config, {"data": value, "cell_options": {value: value}})
    assert configuration(path, write_toml("sentiment", config).encode()) == config


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("learning_rate = " + "9" * 400, "learning_rate must be a number, not 999"),
        ("hidden_size = 100000000000000000000", "hidden_size must be below 2147483648"),
        ("task = ['sentiment']", "is for task"),
    ],
)
def test_a_value_that_no_machine_can_hold_is_refused(line, message, path):
    with pytest.raises(UsageError, match=message):
        configuration(path, line.encode())


def test_a_file_name_that_is_not_text_is_refused_before_any_work():
    with pytest.raises(UsageError, match="data must be UTF-8"):
        parse_setting(TASK.config, "data=\udcff.csv")


def test_a_byte_order_mark_is_skipped(path):
    assert configuration(path, b"\xef\xbb\xbfepochs = 3\n").epochs == 3
    assert read_toml(path) == {"epochs": 3}


def test_any_line_of_a_written_file_may_be_uncommented(path):
    config = make_config(TASK.config, {"cell": "gru", "cell_options": {"reset": "before"}})
    text = write_toml("sentiment", config)
    for name in ("vectors", "unlabelled", "select"):
        text = text.replace(f'# {name} = "…"', f'{name} = "loss"')
    read = configuration(path, text.encode())
    assert (read.vectors, read.unlabelled, read.select, read.cell_options) == (
        "loss",
        "loss",
        "loss",
        {"reset": "before"},
    )


def test_an_option_without_a_value_shows_whether_its_value_has_quotes(path):
    text = write_toml("sentiment", make_config(TASK.config, {}))
    assert '# vectors = "…"\n' in text and "# split_seed = …\n" in text and "# chrono = …\n" in text
    read = configuration(path, text.replace("# split_seed = …", "split_seed = 7").encode())
    assert read.split_seed == 7
