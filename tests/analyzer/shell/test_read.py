"""What is read out of shell text: commands, words, and what is around them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.shell import POSIX, Command, Script, read, shell_of, shfmt, treesitter

# Each command as "what is around it: operator assignments word|word redirections"; words that are known
# only at run time stand as they are written.
COMMANDS: tuple[tuple[str, str, list[str]], ...] = (
    ("one command", "apt-get update", ["apt-get|update"]),
    ("quotes are taken off", "a 'b c' \"d e\" $'f\\tg'", ["a|b c|d e|f\tg"]),
    ("pieces of one word join", "a b'c'\"d\"e", ["a|bcde"]),
    ("a backslash keeps the next character", "a b\\ c \\$d", ["a|b c|$d"]),
    ("a backslash at the line's end joins two halves of a word", "echo fo\\\no bar", ["echo|foo|bar"]),
    ("a backslash at the line's end between words", "echo a \\\n  b", ["echo|a|b"]),
    ("a backslash at the line's end in quotes", 'a "x \\\n y" @(b)', ["a|x  y|@(b)"]),
    ("a variable is known at run time only", 'a "$b" $c x${d:-e}', ['a|"$b"|$c|x${d:-e}']),
    ("spaces between two variables in quotes", 'echo "$a $b"', ['echo|"$a $b"']),
    ("empty words stay", "a '' \"\"", ["a||"]),
    ("and, or", "a && b || c", ["a", "&&b", "||c"]),
    ("a list runs on in the next line", "a &&\n  b", ["a", "&&b"]),
    ("in sequence and behind", "a; b & c\nd", ["a", ";b&", "&c", ";d"]),
    ("a pipeline inside a list", "a | b && c | d", ["a", "|b", "&&c", "|d"]),
    ("both streams into a pipe", "a |& b", ["a", "|&b"]),
    ("negated", "! a b", ["!a|b"]),
    ("negation in a condition", "if ! a; then b; fi", ["condition: !a", "then: b"]),
    (
        "every branch of if",
        "if a; then b; elif c; then d; else e; fi; f",
        ["condition: a", "then: b", "else condition: c", "else then: d", "else: e", ";f"],
    ),
    (
        "every arm of case",
        'case "$1" in a|b) c;; *) d; e;; esac',
        ["arm(a|b): c", "arm(*): d", "arm(*): ;e"],
    ),
    ("while, and its test", "while read -r l; do a; done", ["condition: read|-r|l", "loop: a"]),
    ("until", "until a; do b; done", ["condition: a", "loop: b"]),
    ("for over a substitution", "for i in $(a); do b; done", ["command: a", "loop: b"]),
    ("for with arithmetic", "for ((i=0; i<2; i++)); do a; done", ["loop: a"]),
    ("a function, called", "f() { a; }; f", ["function(f) group: a", ";f"]),
    ("a function by keyword", "function f { a; }", ["function(f) group: a"]),
    ("subshell and group", "(a; b) && { c; }", ["subshell: a", "subshell: ;b", "group: c"]),
    (
        "substitution in a word",
        "a $(b | c) `d`",
        ["a|$(b | c)|`d`", "command: b", "command: |c", "command: d"],
    ),
    ("substitution in an assignment", "x=$(a)", ["x=$(a)", "command: a"]),
    ("substitution in an exported value, once", "export x=$(a)", ["x=$(a) export|x=$(a)", "command: a"]),
    ("process substitution", "a <(b)", ["a|<(b)", "process: b"]),
    ("assignments before a command", "A=1 B='x y' c", ["A=1 B='x y' c"]),
    ("assignments alone, on two lines", "a=1\nb=2", ["a=1", ";b=2"]),
    ("the next line is no part of an assignment", "x=1 > z\n! a", ["x=1 > z", ";!a"]),
    ("a word after a redirection", "cat >b c", ["cat|c > b"]),
    ("a redirection belongs to the last command", "a && b > f", ["a", "&&b > f"]),
    ("redirections of a pipeline's last stage", "a | b 2>&1 >f", ["a", "|b 2>& 1 > f"]),
    ("redirections of a group", "{ a; } > f", ["group: a", "> f"]),
    ("a redirection alone", "> f", ["> f"]),
    ("a here-string", 'a <<< "b"', ['a <<< "b"']),
    ("test in brackets", '[ "$a" = b ] && c', ['[|"$a"|=|b|]', "&&c"]),
    ("test in double brackets", "[[ -f x && y == z* ]]", ["[[|-f|x|&&|y|==|z*|]]"]),
    ("arithmetic is no command", "(( x++ )); a", [";a"]),
    ("a heredoc's body is no command", "cat <<EOF\na b\nEOF\nc", ["cat << EOF{a b\n}", ";c"]),
    ("a heredoc with an empty first line", "cat <<'E'\n\na\nE\n", ["cat << 'E'{\na\n}"]),
    (
        "a heredoc with the line going on",
        "cat <<EOF | b && c\nx\nEOF\n",
        ["cat << EOF{x\n}", "|b", "&&c"],
    ),
    ("a substitution in a heredoc", "a <<E\n$(b)\nE\n", ["a << E{$(b)\n}", "heredoc command: b"]),
    ("none in a quoted heredoc", "a <<'E'\n$(b)\nE\n", ["a << 'E'{$(b)\n}"]),
    ("two heredocs", "a <<A <<B\n1\nA\n2\nB\n", ["a << A{1\n} << B{2\n}"]),
    ("tabs before a heredoc's end", "a <<-A\n\t1\n\tA\nb", ["a <<- A{\t1\n}", ";b"]),
    ("a comment", "a # b; c\n# d\ne", ["a", ";e"]),
    ("a descriptor is closed", "a 5>&-", ["a 5>& -"]),
    ("a dash before a redirection is a word", "a -i - 2> b", ["a|-i|- 2> b"]),
    ("behind, with a redirection", "a > b &\nc", ["a > b&", "&c"]),
    ("a whole list in the background", "a && b | c & d", ["a&", "&&b&", "|c&", "&d"]),
    ("a group in the background", "{ a; b; } & c", ["group: a&", "group: ;b&", "&c"]),
    ("blanks around the bars of a case", "case $x in a | b ) c;; esac", ["arm(a|b): c"]),
    ("patterns of a case over lines", "case $x in a|\\\n  b) c;; esac", ["arm(a|b): c"]),
    ("an empty arm of a case", "case $x in a) ;; *) b;; esac", ["arm(*): b"]),
    ("a parenthesis before a pattern", "case $x in (a) b;; esac", ["arm(a): b"]),
    ("an assignment glued to a backquote", "x='a'`b`", ["x='a'`b`", "command: b"]),
    ("an assignment that ends in a parameter", "x=$PWD/$1", ["x=$PWD/$1"]),
    ("the process number in a word", "rm a.$$", ["rm|a.$$"]),
    ("a test of a home path", "[ -r ~/.x ] && a", ["[|-r|~/.x|]", "&&a"]),
    ("a test against a negative number", "[ $a == -1 ]", ["[|$a|==|-1|]"]),
    ("a backquote in a heredoc", "a <<E\n`b`\nE\n", ["a << E{`b`\n}", "heredoc command: b"]),
    (
        "backquotes in backquotes",
        "a `b \\`c\\``",
        ["a|`b \\`c\\``", "command: b|`c\\`", "command command: c"],
    ),
    ("an extended pattern", "rm -rf @(a|b)", ["rm|-rf|@(a|b)"]),
    ("a coprocess", "coproc a b", ["coprocess: a|b"]),
    ("an array", 'x=(a "$b")', ['x=(a "$b")']),
    ("nothing", "", []),
    ("only blanks and a comment", "  \n# a\n", []),
)


def shown(script: Script) -> list[str]:
    return [show(command) for command in script.commands]


def show(command: Command) -> str:
    around = " ".join(block.kind + (f"({block.label})" if block.label else "") for block in command.where)
    words = "|".join(word.text if word.dynamic else word.value or "" for word in command.words)
    pieces = []
    for item in command.assignments:
        value = item.value.text if item.value else "(" + " ".join(word.text for word in item.elements) + ")"
        pieces.append(f"{item.name}={value}")
    pieces += [words] if command.words else []
    for item in command.redirections:
        body = f"{{{item.body}}}" if item.body else ""
        pieces.append(f"{item.descriptor}{item.operator} {item.target.text if item.target else ''}{body}")
    joined = command.joined + ("!" if command.negated else "")
    tail = "&" if command.background else ""
    return (f"{around}: " if around else "") + joined + " ".join(pieces) + tail


@pytest.mark.parametrize(
    ("text", "expected"), [row[1:] for row in COMMANDS], ids=[row[0] for row in COMMANDS]
)
def test_commands(text: str, expected: list[str]) -> None:
    script = read(text)
    assert (shown(script), script.fault) == (expected, None)


@pytest.mark.parametrize("text", [row[1] for row in COMMANDS], ids=[row[0] for row in COMMANDS])
def test_both_readers_agree_where_the_grammar_is_trusted(text: str) -> None:
    quick = treesitter.read(text.encode(), POSIX)
    slow = shfmt.read(text.encode(), POSIX)
    assert isinstance(slow, Script)
    if quick is not None:
        assert (shown(quick), quick.functions) == (shown(slow), slow.functions)
        assert [pipeline.stages for pipeline in quick.pipelines] == [item.stages for item in slow.pipelines]


@pytest.mark.parametrize("text", [row[1] for row in COMMANDS], ids=[row[0] for row in COMMANDS])
def test_spans_are_those_of_the_text(text: str) -> None:
    script = read(text)
    for word in script.words():
        assert script.source[word.start : word.end].decode() == word.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{\U000d0bb5", ["{\U000d0bb5"]),  # the grammar's scanner ends the process on this
        ("echo {\U0001f600,a} \u4f60\u597d", ["echo|{\U0001f600,a}|\u4f60\u597d"]),
        ("\u00e9=1", ["\u00e9=1"]),
        ('echo "$\u00e9" $a\u00e9', ["echo|$\u00e9|$a\u00e9"]),
        ("cat <<\u00e9\nx\n\u00e9\n", ["cat << \u00e9{x\n}"]),
    ],
    ids=["beyond the scanner's table", "in braces", "no assignment", "no name", "a delimiter"],
)
def test_characters_beyond_ascii(text: str, expected: list[str]) -> None:
    assert shown(read(text)) == expected


def test_spans_count_bytes() -> None:
    script = read("echo 'é' b")
    assert [(word.start, word.end) for word in script.commands[0].words] == [(0, 4), (5, 9), (10, 11)]


@pytest.mark.parametrize(
    ("text", "stages"),
    [
        ("a | b | c", [["a", "b", "c"]]),
        ("a && b | c && d", [["b", "c"]]),
        ("a | b 2>&1 | c", [["a", "b", "c"]]),
        ("a | while b; do c; done", [["a", "b c"]]),
        ("a $(b | c) | d", [["a", "d"], ["b", "c"]]),
        ("curl x |\n  bash", [["curl", "bash"]]),
        ("a; b", []),
    ],
)
def test_pipelines(text: str, stages: list[list[str]]) -> None:
    script = read(text)
    found = [
        [" ".join(script.commands[index].name for index in stage) for stage in pipeline.stages]
        for pipeline in script.pipelines
    ]
    assert found == stages


@pytest.mark.parametrize(
    ("text", "conditional"),
    [
        ("a; b", [False, False]),
        ("a && b | c; d", [False, True, True, False]),
        ("a || { b; c; }", [False, True, True]),
        ("if a; then b; fi; c", [False, True, False]),
        ("f() { a; }; f", [True, False]),
        ("(a; b)", [False, False]),
    ],
)
def test_what_a_run_may_leave_out(text: str, conditional: list[bool]) -> None:
    assert [command.conditional for command in read(text).commands] == conditional


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("a*", True),
        ("'a*'", False),
        ("a\\*", False),
        ("[ab]", True),
        ("a?", True),
        ("~/x", True),
        ("x~", False),
        ("{a,b}", True),
        ("{a}", False),
        ("{1..3}", True),
        ('"$a"*', True),
        ("$a", False),
    ],
)
def test_patterns(word: str, expected: bool) -> None:
    assert read(f"echo {word}").commands[0].words[1].pattern is expected


@pytest.mark.parametrize(
    ("text", "default"),
    [("${A:-b}", "b"), ("${A-'b c'}", "b c"), ("${A:=/x}", "/x"), ("${A:-$B}", ""), ("$A", "")],
)
def test_what_an_expansion_falls_back_to(text: str, default: str) -> None:
    part = read(f"x {text}").commands[0].words[1].parts[0]
    assert (part.kind, part.text, part.default) == ("variable", "A", default)


@pytest.mark.parametrize(
    ("text", "names", "message"),
    [
        ("foo && if bar; then", ["foo", "bar"], "must be followed"),
        ("a; b )", ["a", "b"], ")"),
        ("a 'b", ["a"], "quote"),
        ("a; | b", ["a"], "|"),
    ],
)
def test_a_fault_is_told_and_the_rest_is_read(text: str, names: list[str], message: str) -> None:
    script = read(text)
    assert script.fault is not None
    assert message in script.fault.message
    assert [name for name in names if not script.named(name)] == []


@pytest.mark.parametrize("words", [["powershell", "-Command"], ["cmd", "/S", "/C"], ["perl", "-e"]])
def test_what_is_no_posix_shell_is_left_alone(words: list[str]) -> None:
    script = read("Write-Host ('a' -f $b); rm x", shell_of(words))
    assert (script.commands, script.fault) == ((), None)


def test_importing_loads_no_grammar() -> None:
    code = "import analyzer.shell, sys; print([m for m in sys.modules if m.startswith('tree_sitter')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@given(st.text(max_size=60))
def test_any_text_is_read(text: str) -> None:
    script = read(text.encode("utf-8", "surrogatepass"))
    assert all(0 <= command.start <= command.end <= len(script.source) for command in script.commands)


TOKENS = (
    "a",
    "b",
    "$(",
    ")",
    "|",
    "&&",
    ";",
    "{",
    "}",
    "if",
    "then",
    "fi",
    "'x'",
    '"',
    "<<E",
    "\n",
    "E",
    "case",
)


@given(st.lists(st.sampled_from(TOKENS)))
def test_any_shuffle_of_shell_tokens_is_read(tokens: list[str]) -> None:
    script = read(" ".join(tokens))
    assert script.fault is not None or script.reader in ("tree-sitter", "shfmt")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('a "$b" ${c:-d}', ["b", "c"]),
        ("a <<E\n$b ${c}\nE\n", ["b", "c"]),
        ("a <<E | d\n$b $(e $f)\nE\n", ["f", "b"]),
        ("a <<'E'\n$b\nE\n", []),
        ("a <<E\n\\$b\nE\n", []),
        ("x=$y a > $z", ["y", "z"]),
        ("a '$b'", []),
    ],
)
def test_variables(text: str, names: list[str]) -> None:
    assert list(read(text).variables()) == names


def test_a_long_chain_is_read() -> None:
    script = read(" && ".join(["a"] * 2000))
    assert (len(script.commands), script.fault) == (2000, None)


def test_a_long_pipeline_is_read() -> None:
    assert [len(pipeline.stages) for pipeline in read(" | ".join(["a"] * 2000)).pipelines] == [2000]


@pytest.mark.parametrize("text", ["( " * 5000 + "a" + " )" * 5000, "$(" * 5000 + "a" + ")" * 5000])
def test_text_that_nests_too_deeply_has_a_fault(text: str) -> None:
    assert read(text).fault is not None
