"""A component for both sides that does what a word of a document says.

It is installed as a package by its entry point, as a plugin of a stranger would be.
"""

from __future__ import annotations

import os
from pathlib import Path

from helpers.packages import Site

from .sides import Side

DEED = """
import ctypes, os, signal, time

def do(text):
    if "убить" in text:
        os.kill(os.getpid(), signal.SIGKILL)
    if "спать" in text:
        time.sleep(1_000_000)
    time.sleep(float(os.environ.get("FAULTS_SECONDS", 0)))
"""
SOURCES = {
    "pipekit": """
class Deeds:
    requires = ()
    assigns = ("deeds",)

    def __call__(self, batch):
        for doc in batch.docs:
            do(doc.text)
            doc.set_spans("deeds", [])
""",
    "spaCy": """
from spacy.language import Language

@Language.component("deeds")
def Deeds(doc):
    do(doc.text)
    return doc
""",
}


def install(
    side: Side,
    folder: Path,
    name: str,
    source: str,
    part: str,
) -> None:
    """A package of one module, which brings a component of its name; programs will find it."""
    folder.mkdir(exist_ok=True)
    module = f"faulty_{name}"
    Site(folder).install(f"faulty-{name}", source, {side.listens_to: f"{name} = {module}:{part}"})
    if str(folder) not in os.environ["PYTHONPATH"].split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), os.environ["PYTHONPATH"]])


def install_deeds(
    side: Side,
    folder: Path,
) -> None:
    install(side, folder / "site", "deeds", DEED + SOURCES[side.name], "Deeds")
