"""``python -m benchmarks.chaos.libfuzzer READER FOLDER SECONDS SEED``: one reader in a process that libFuzzer ends."""

from __future__ import annotations

import re
import sys
from pathlib import Path

FAULTS = "faults"
"""A line for each different fault, with the beginning of the first file that shows it"""
_LONGEST = 60
"""Seconds after which a file counts as one that hangs its reader"""
_MEMORY = 4096
"""MB, which torch alone takes a good part of"""
_SIZE = 1 << 16


def main(name: str, scratch: Path, seconds: int, seed: int) -> None:
    """Fuzzes until the time is over; faults are noted, and the fuzzing goes on."""
    import atheris

    (scratch / "reader").mkdir()
    with atheris.instrument_imports(include=["seqkit"]):
        from benchmarks.chaos.reader import outcome
        from benchmarks.chaos.readers import READERS

        reader = READERS[name](scratch / "reader")
    seen: dict[str, bytes] = {}
    path = scratch / f"file{reader.ending}"

    def read(content: bytes) -> None:
        path.write_bytes(content)
        found = outcome(reader, path)
        if found in ("read", "refused", *seen):
            return
        seen[found] = content
        lines = [f"{fault} for {shown[:200]!r}\n" for fault, shown in seen.items()]
        (scratch / FAULTS).write_text("".join(lines), "utf-8")

    words = {word for seed in reader.seeds for word in re.findall(rb"\w+", seed[:_SIZE])}
    (scratch / "words").write_text("".join(f'"{word.decode("latin-1")}"\n' for word in sorted(words) if word.isascii()))
    limits = [f"-max_total_time={seconds}", f"-timeout={_LONGEST}", f"-rss_limit_mb={_MEMORY}", f"-max_len={_SIZE}"]
    limits += [f"-seed={seed}", f"-dict={scratch / 'words'}", f"-artifact_prefix={scratch}/", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], str(scratch / "corpus"), *limits], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
