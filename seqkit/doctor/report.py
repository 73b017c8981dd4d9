"""What a look at data has found."""

from __future__ import annotations

import dataclasses
from typing import Any

from seqkit.checks.finding import Finding
from seqkit.tables import Table


@dataclasses.dataclass
class Report:
    """Findings, tables for people, and facts for JSON."""

    findings: list[Finding]
    facts: dict[str, Any]
    tables: list[Table]

    @property
    def sound(self) -> bool:
        """Whether a training would begin."""
        return not any(finding.level == "wrong" for finding in self.findings)

    def warn(self, kind: str, what: str, mend: str, where: str | None = None) -> None:
        """Adds a warning."""
        self.findings.append(Finding("warning", kind, what, mend, where))

    def to_json(self) -> dict[str, Any]:
        """Everything but the tables."""
        findings = [dataclasses.asdict(finding) for finding in self.findings]
        return {"sound": self.sound, "findings": findings, **self.facts}
