"""`aion verify`: proves that the database is whole, the index agrees with it, and blobs and models are what they were.

It only reads, and works beside a running server. Exit 1 when something is wrong.
"""

from __future__ import annotations

from dataclasses import asdict

import typer

from aion.cli.options import AsJson, Data, read_settings
from aion.cli.output import note, print_json
from aion.cli.stored import read_store
from aion.memory.verify import verify_index
from aion.models.verify import verify_models

app = typer.Typer()


@app.command("verify")
def verify(data: Data = None, as_json: AsJson = False) -> None:
    """Prove that everything stored is what was written. Exit 1 when it is not."""
    settings = read_settings(data).settings
    with read_store(settings) as store:
        findings = [*store.verify(), *verify_index(settings.data, store.memories), *verify_models(settings)]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    for finding in [] if as_json else findings:
        print(f"{finding.where}: {finding.problem}\n    -> {finding.remedy}")
    note(f"{len(findings)} things are wrong" if findings else f"{settings.data} is whole")
    raise typer.Exit(1 if findings else 0)
