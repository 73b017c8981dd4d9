"""Files as people have them: each is read by its task, examined by doctor, and both must say the same."""

from pathlib import Path
from typing import NamedTuple

import pytest

from seqkit.config import make_config
from seqkit.doctor.examine import examine
from seqkit.errors import SeqkitError
from seqkit.runs import find_task

HERE = Path(__file__).parent


class Reading(NamedTuple):
    """What a task makes of a file, and what doctor says of it."""

    examples: list
    notes: list
    error: str
    findings: list


@pytest.fixture
def wild(tmp_path):
    """Reads a file of this folder, or content as one, and has doctor examine it.

    Where reading fails, doctor must report the very same sentence, and call it wrong.
    """

    def read(task, file, content=None, **options):
        path = HERE / file
        if content is not None:
            path = tmp_path / file
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        kind, notes, examples, error = find_task(task), [], [], ""
        config = make_config(kind.config, {"data": str(path), **options})
        try:
            examples = list(kind.read_source(config, str(path), notes))
        except SeqkitError as caught:
            error = str(caught)
        report = examine(kind, config, 0)
        findings = [str(finding) for finding in report.findings]
        if error:
            assert any(f.level == "wrong" and error in str(f) for f in report.findings), (error, findings)
        assert not [f for f in findings if "seqkit-doctor-" in f], "doctor names a file that nobody has"
        return Reading(examples, notes, error.replace(f"{path.parent}/", ""), findings)

    return read
