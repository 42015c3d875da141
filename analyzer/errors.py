"""The errors that people see. One boundary, in the command line, turns them into text and an exit code."""

from __future__ import annotations

from analyzer.values import frozen

EXIT_CLEAN = 0
EXIT_NO = 1
EXIT_CANNOT = 2
EXIT_BUG = 3
EXIT_INTERRUPTED = 130


class ScratchifyError(Exception):
    """Cannot answer (exit 2): what was tried, on what, what came back; `hint` says what to do next."""

    exit_code = EXIT_CANNOT

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        # Output of a tool, shown below the message: the last lines of a build, a container's log.
        self.detail = detail


class WrongPlatformError(ScratchifyError):
    """The engine cannot run the image, whatever is in it: it is for another system or architecture."""


class NegativeAnswerError(ScratchifyError):
    """The answer is no (exit 1): verification failed, the file drifted."""

    exit_code = EXIT_NO


@frozen
class Problem:
    """One fault in a text file. Lines and columns count from 1; columns count characters."""

    path: str
    line: int
    column: int
    message: str
    source_line: str = ""
    hint: str = ""

    def __str__(self) -> str:
        head = f"{self.path}:{self.line}:{self.column}: {self.message}"
        if not self.source_line:
            return head
        text = self.source_line.rstrip("\r\n").replace("\t", " ")
        return f"{head}\n  {text}\n  {' ' * (self.column - 1)}^"


class InputError(ScratchifyError):
    """A file of the user's cannot be read as what it should be; carries every problem found in it."""

    def __init__(self, problems: list[Problem], *, hint: str = "") -> None:
        super().__init__("\n".join(str(problem) for problem in problems), hint=hint)
        self.problems = problems
