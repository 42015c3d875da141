"""Words and what BuildKit makes of them: every value is from a build, of BuildKit 0.25 (Docker 28.5).

Rows with `newer` need more than the builder of Docker 20.10; the others are the same there.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Word:
    """`LABEL x=WORD` after SETUP gives `value`; `rule` names the rule of the Dockerfile reference."""

    rule: str
    word: str
    value: str
    newer: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """A Dockerfile built with `args`; `image` is what its last stage then has, PATH left out."""

    rule: str
    text: str
    image: dict[str, object]
    args: dict[str, str] = field(default_factory=dict)
    newer: bool = False


SETUP = """\
ARG DECLARED
ARG TARGETOS
ENV SET=value EMPTY= TAIL=ue FILE=/usr/lib/libx.so.1.2 GLOB=a*b?c
ENV SPACED="x  y" QUOTED='"q"' DOLLAR='$SET' ZERO='$0'
"""

WORDS = (
    Word("a plain word", "plain", "plain"),
    Word("$name", "$SET", "value"),
    Word("${name}", "${SET}", "value"),
    Word("braces end a name in a word", "${SET}_x", "value_x"),
    Word("without braces a name takes letters, digits and underscores", "$SET_x", ""),
    Word("a character that is none of those ends a name", "$SET.x", "value.x"),
    Word("a dash ends a name", "$SET-x", "value-x"),
    Word("two names side by side", "$SET$SET", "valuevalue"),
    Word("an undefined name is empty", "[$NOPE]", "[]"),
    Word("an ARG without a value is undefined", "[$DECLARED]", "[]"),
    Word("an empty name is empty", "[$EMPTY]", "[]"),
    Word("a backslash before the dollar makes it literal", "\\$SET", "$SET"),
    Word("a backslash before ${ makes it literal", "\\${SET}", "${SET}"),
    Word("two backslashes are one, and the name is replaced", "\\\\$SET", "\\value"),
    Word("a backslash before another character is dropped", "\\a\\b", "ab"),
    Word("double quotes are taken off", '"a b"', "a b"),
    Word("names are replaced in double quotes", '"$SET"', "value"),
    Word("a dollar in double quotes is escaped by a backslash", '"\\$SET"', "$SET"),
    Word("a quote in double quotes is escaped by a backslash", '"a\\"b"', 'a"b'),
    Word("a backslash in double quotes escapes a backslash", '"a\\\\b"', "a\\b"),
    Word("any other backslash in double quotes stays", '"a\\b"', "a\\b"),
    Word("a single quote in double quotes is ordinary", '"it\'s"', "it's"),
    Word("single quotes are taken off", "'a b'", "a b"),
    Word("single quotes stop replacement", "'$SET'", "$SET"),
    Word("a backslash in single quotes is ordinary", "'a\\b'", "a\\b"),
    Word("a double quote in single quotes is ordinary", "'a\"b'", 'a"b'),
    Word("quotes join with what stands beside them", "a\"b c\"'d e'f", "ab cd ef"),
    Word("empty quotes are an empty value", '""', ""),
    Word("an escaped blank belongs to the word", "a\\ b", "a b"),
    Word("a quoted value from a name keeps its blanks", "$SPACED", "x  y"),
    Word("quotes in a value are not taken off again", "$QUOTED", '"q"'),
    Word("a dollar in a value is not replaced again", "$DOLLAR", "$SET"),
    Word("$$ is an undefined parameter, no escape", "[$$]", "[]"),
    Word("$$ takes no part of the name after it", "[$$SET]", "[SET]"),
    Word("a digit alone is a parameter", "[$1]", "[]"),
    Word("digits together are one parameter", "[$10x]", "[x]"),
    Word("$@ is an undefined parameter", "[$@]", "[]"),
    Word("$* is an undefined parameter", "[$*]", "[]"),
    Word("$# is an undefined parameter", "[$#]", "[]"),
    Word("$? is an undefined parameter", "[$?]", "[]"),
    Word("$- is an undefined parameter", "[$-]", "[]"),
    Word("$! is an undefined parameter", "[$!]", "[]"),
    Word("a dollar at the end stays", "x$", "x$"),
    Word("a dollar before another character stays", "$.x", "$.x"),
    Word("a dollar before a quote stays", "$'x'", "$x"),
    Word(":- takes the name's value where it is set", "${SET:-word}", "value"),
    Word(":- takes the word where the name is undefined", "${NOPE:-word}", "word"),
    Word(":- takes the word where the name is empty", "${EMPTY:-word}", "word"),
    Word(":- with an empty word", "[${NOPE:-}]", "[]"),
    Word("- takes the word where the name is undefined", "${NOPE-word}", "word", newer=True),
    Word("- takes an empty value", "[${EMPTY-word}]", "[]", newer=True),
    Word(":+ takes the word where the name is set", "${SET:+word}", "word"),
    Word(":+ is empty where the name is undefined", "[${NOPE:+word}]", "[]"),
    Word(":+ is empty where the name is empty", "[${EMPTY:+word}]", "[]"),
    Word("+ takes the word where the name is empty", "${EMPTY+word}", "word", newer=True),
    Word("+ is empty where the name is undefined", "[${NOPE+word}]", "[]", newer=True),
    Word(":? gives the value where it is set", "${SET:?message}", "value", newer=True),
    Word("? gives an empty value", "[${EMPTY?message}]", "[]", newer=True),
    Word("the word may be a name", "${NOPE:-$SET}", "value"),
    Word("the word may be a name with a default", "${NOPE:-${NADA:-deep}}", "deep"),
    Word("the word may hold text beside a name", "${NOPE:-a${SET}b}", "avalueb"),
    Word("the word may be quoted", "${NOPE:-'$SET'}", "$SET"),
    Word("a blank in the word of a quoted value", '"${NOPE:-a b}"', "a b"),
    Word("a brace in the word is escaped", "${NOPE:-a\\}b}", "a}b"),
    Word("a quoted brace in the word", '${NOPE:-"}"}', "}"),
    Word("# takes off the shortest prefix", "${FILE#*/}", "usr/lib/libx.so.1.2", newer=True),
    Word("## takes off the longest prefix", "${FILE##*/}", "libx.so.1.2", newer=True),
    Word("% takes off the shortest suffix", "${FILE%.*}", "/usr/lib/libx.so.1", newer=True),
    Word("%% takes off the longest suffix", "${FILE%%.*}", "/usr/lib/libx", newer=True),
    Word("# that matches nothing", "${FILE#x}", "/usr/lib/libx.so.1.2", newer=True),
    Word("% that matches nothing", "${FILE%x}", "/usr/lib/libx.so.1.2", newer=True),
    Word("# with the whole value", "[${SET#value}]", "[]", newer=True),
    Word("## with a star", "[${SET##*}]", "[]", newer=True),
    Word("# with a star takes nothing", "[${SET#*}]", "[value]", newer=True),
    Word("? is one character", "${SET#?}", "alue", newer=True),
    Word("an escaped star is a star", "${GLOB#a\\*}", "b?c", newer=True),
    Word("an escaped question mark is a question mark", "${GLOB%\\?c}", "a*b", newer=True),
    Word("brackets are no pattern", "${SET#[uv]}", "value", newer=True),
    Word("a dot is a dot", "${SET#.}", "value", newer=True),
    Word("# of an undefined name", "[${NOPE#x}]", "[]", newer=True),
    Word("a pattern from a name", "${SET%$TAIL}", "val", newer=True),
    Word("/ replaces the first match", "${FILE/i/I}", "/usr/lIb/libx.so.1.2", newer=True),
    Word("// replaces every match", "${FILE//i/I}", "/usr/lIb/lIbx.so.1.2", newer=True),
    Word("/ with an empty replacement", "${FILE/lib/}", "/usr//libx.so.1.2", newer=True),
    Word("// with a star takes the longest match", "${FILE//l*b/X}", "/usr/Xx.so.1.2", newer=True),
    Word("/ with a question mark", "${SET/?l/X}", "vXue", newer=True),
    Word("// of a star takes all once", "${SET//*/X}", "X", newer=True),
    Word("// of an empty pattern", "${SET///X}", "XvXaXlXuXeX", newer=True),
    Word("/ of an escaped slash", "${FILE/\\//_}", "_usr/lib/libx.so.1.2", newer=True),
    Word("// of an escaped slash", "${FILE//\\//_}", "_usr_lib_libx.so.1.2", newer=True),
    Word("the replacement may be a name", "${FILE/lib/$SET}", "/usr/value/libx.so.1.2", newer=True),
    Word("a dollar in the replacement of // names a group", "${SET//a/[$DOLLAR]}", "v[]lue", newer=True),
    Word("a dollar in the replacement of / is a dollar", "${SET/a/[$DOLLAR]}", "v[$SET]lue", newer=True),
    Word("$0 in the replacement of // is the match", "${SET//a/[$ZERO]}", "v[a]lue", newer=True),
    Word("/ that matches nothing", "${SET/x/y}", "value", newer=True),
    Word("/ of an undefined name", "[${NOPE/a/b}]", "[]", newer=True),
    Word("names are case-sensitive", "[$set]", "[]"),
    Word("a letter outside ASCII is part of a name", "[$SETé]", "[]"),
    Word("a less-than sign is ordinary", "a<<b", "a<<b"),
    Word("a hash inside a word is ordinary", "a#b", "a#b"),
    Word("an equals sign in a value is ordinary", "a=b=c", "a=b=c"),
    Word(
        "PATH is set even on scratch", "$PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    ),
    Word("a predefined ARG needs its declaration", "[$TARGETARCH]", "[]"),
    Word("a declared platform ARG has its value", "$TARGETOS", "linux"),
)

SCOPES = (
    Scope(
        "an ARG before FROM holds in FROM only",
        "ARG T=x\nFROM scratch\nLABEL v=[$T]\n",
        {"labels": {"v": "[]"}},
    ),
    Scope(
        "an ARG before FROM is given to a stage that declares it",
        "ARG T=x\nFROM scratch\nARG T\nLABEL v=[$T]\n",
        {"labels": {"v": "[x]"}},
    ),
    Scope(
        "a stage's own default beats the one before FROM",
        "ARG T=x\nFROM scratch\nARG T=y\nLABEL v=[$T]\n",
        {"labels": {"v": "[y]"}},
    ),
    Scope(
        "--build-arg beats both defaults",
        "ARG T=x\nFROM scratch\nARG T=y\nLABEL v=[$T]\n",
        {"labels": {"v": "[z]"}},
        args={"T": "z"},
    ),
    Scope(
        "--build-arg reaches a bare ARG",
        "FROM scratch\nARG T\nLABEL v=[$T]\n",
        {"labels": {"v": "[z]"}},
        args={"T": "z"},
    ),
    Scope(
        "--build-arg without ARG is not seen",
        "FROM scratch\nLABEL v=[$T]\n",
        {"labels": {"v": "[]"}},
        args={"T": "z"},
    ),
    Scope(
        "an ARG holds from its line on",
        "FROM scratch\nLABEL a=[$T]\nARG T=x\nLABEL b=[$T]\n",
        {"labels": {"a": "[]", "b": "[x]"}},
    ),
    Scope(
        "an ARG ends with its stage",
        "FROM scratch AS a\nARG T=x\nLABEL v=$T\nFROM scratch\nLABEL w=[$T]\n",
        {"labels": {"w": "[]"}},
    ),
    Scope(
        "a stage based on another has its ARGs",
        "FROM scratch AS a\nARG T=x\nFROM a\nLABEL v=[$T]\n",
        {"labels": {"v": "[x]"}},
    ),
    Scope(
        "a stage based on another has its ENV, labels and all",
        (
            "FROM scratch AS a\n"
            "ENV E=x\n"
            "LABEL l=1\n"
            "WORKDIR /w\n"
            "USER u\n"
            "EXPOSE 80\n"
            "VOLUME /v\n"
            "STOPSIGNAL 9\n"
            'CMD ["c"]\n'
            "FROM a\n"
            "LABEL v=[$E]\n"
        ),
        {
            "env": {"E": "x"},
            "user": "u",
            "workdir": "/w",
            "cmd": ("c",),
            "exposed": ("80/tcp",),
            "volumes": ("/v",),
            "labels": {"l": "1", "v": "[x]"},
            "stop_signal": "9",
        },
    ),
    Scope(
        "an ARG may use an ARG before it",
        "FROM scratch\nARG A=x\nARG B=$A-y\nLABEL v=$B\n",
        {"labels": {"v": "x-y"}},
    ),
    Scope(
        "an ARG sees one before it on its line",
        "FROM scratch\nARG A=x B=$A-y\nLABEL v=$B\n",
        {"labels": {"v": "x-y"}},
        newer=True,
    ),
    Scope(
        "an ENV does not see one before it on its line",
        "FROM scratch\nENV A=old\nENV A=new B=$A\nLABEL v=$B\n",
        {"env": {"A": "new", "B": "old"}, "labels": {"v": "old"}},
    ),
    Scope(
        "an ARG before FROM may use one before it",
        "ARG A=x\nARG B=$A-y\nFROM scratch\nARG B\nLABEL v=$B\n",
        {"labels": {"v": "x-y"}},
    ),
    Scope(
        "an ENV after an ARG of its name holds",
        "FROM scratch\nARG X=arg\nENV X=env\nLABEL v=$X\n",
        {"env": {"X": "env"}, "labels": {"v": "env"}},
    ),
    Scope(
        "an ARG after an ENV holds while building, the image keeps the ENV",
        "FROM scratch\nENV X=env\nARG X=arg\nLABEL v=$X\n",
        {"env": {"X": "env"}, "labels": {"v": "arg"}},
    ),
    Scope(
        "a child stage sees the ENV that an ARG hid in its parent",
        "FROM scratch AS a\nENV X=env\nARG X=arg\nLABEL v=$X\nFROM a\nLABEL w=$X\n",
        {"env": {"X": "env"}, "labels": {"v": "arg", "w": "env"}},
    ),
    Scope(
        "a bare ARG does not hide an ENV",
        "FROM scratch\nENV X=env\nARG X\nLABEL v=$X\n",
        {"env": {"X": "env"}, "labels": {"v": "env"}},
    ),
    Scope(
        "a bare ARG given by --build-arg hides an ENV",
        "FROM scratch\nENV X=env\nARG X\nLABEL v=$X\n",
        {"env": {"X": "env"}, "labels": {"v": "given"}},
        args={"X": "given"},
    ),
    Scope(
        "an ENV may use an ARG",
        "FROM scratch\nARG A=x\nENV E=${A}y\nLABEL v=$E\n",
        {"env": {"E": "xy"}, "labels": {"v": "xy"}},
    ),
    Scope(
        "an ENV may extend itself",
        "FROM scratch\nENV P=/a\nENV P=$P:/b\nLABEL v=$P\n",
        {"env": {"P": "/a:/b"}, "labels": {"v": "/a:/b"}},
    ),
    Scope(
        "a redeclared ARG takes its new default",
        "FROM scratch\nARG A=x\nARG A=y\nLABEL v=$A\n",
        {"labels": {"v": "y"}},
    ),
    Scope(
        "a redeclared bare ARG keeps its value",
        "FROM scratch\nARG A=x\nARG A\nLABEL v=$A\n",
        {"labels": {"v": "x"}},
    ),
    Scope(
        "an empty default is a value",
        "ARG A=x\nFROM scratch\nARG A=\nLABEL v=[${A-unset}]\n",
        {"labels": {"v": "[]"}},
        newer=True,
    ),
    Scope(
        "an empty --build-arg is a value",
        "FROM scratch\nARG A=x\nLABEL v=[$A]\n",
        {"labels": {"v": "[]"}},
        args={"A": ""},
    ),
    Scope(
        "quotes of a default are taken off",
        "FROM scratch\nARG A='a b'\nLABEL v=$A\n",
        {"labels": {"v": "a b"}},
    ),
    Scope(
        "a --build-arg is taken as it is",
        "FROM scratch\nARG A=x\nLABEL v=$A\n",
        {"labels": {"v": '"q" $X \\'}},
        args={"A": '"q" $X \\'},
    ),
    Scope("FROM uses an ARG for its image", "ARG B=scratch\nFROM $B\nLABEL v=1\n", {"labels": {"v": "1"}}),
    Scope("FROM uses an ARG with a default", "FROM ${B:-scratch}\nLABEL v=1\n", {"labels": {"v": "1"}}),
    Scope(
        "a stage name may come from an ARG in FROM",
        "ARG B=one\nFROM scratch AS one\nENV E=1\nFROM $B\nLABEL v=$E\n",
        {"env": {"E": "1"}, "labels": {"v": "1"}},
    ),
    Scope(
        "proxy arguments are not names",
        "FROM scratch\nLABEL v=[$HTTP_PROXY]\n",
        {"labels": {"v": "[]"}},
        args={"HTTP_PROXY": "http://p"},
    ),
    Scope(
        "a declared proxy argument is one",
        "FROM scratch\nARG HTTP_PROXY\nLABEL v=[$HTTP_PROXY]\n",
        {"labels": {"v": "[http://p]"}},
        args={"HTTP_PROXY": "http://p"},
    ),
    Scope(
        "platform ARGs hold before the first FROM",
        "ARG X=$TARGETOS\nFROM scratch\nARG X\nLABEL v=$X\n",
        {"labels": {"v": "linux"}},
    ),
    Scope(
        "the old form of ENV takes the rest of the line",
        "FROM scratch\nENV A b  c = d\nLABEL v=$A\n",
        {"env": {"A": "b  c = d"}, "labels": {"v": "b  c = d"}},
    ),
    Scope(
        "the old form of ENV takes quotes off",
        "FROM scratch\nENV A \"b\" 'c'\nLABEL v=$A\n",
        {"env": {"A": "b c"}, "labels": {"v": "b c"}},
    ),
    Scope(
        "names of ENV are expanded",
        "FROM scratch\nARG N=KEY\nENV $N=x\nLABEL v=$KEY\n",
        {"env": {"KEY": "x"}, "labels": {"v": "x"}},
    ),
    Scope("names of LABEL are expanded", "FROM scratch\nARG N=key\nLABEL $N=x\n", {"labels": {"key": "x"}}),
    Scope(
        "the escape directive makes the grave accent the escape",
        '# escape=`\nFROM scratch\nENV A=`$X B=C:\\dir C="`""\nLABEL v=$A\n',
        {"env": {"A": "$X", "B": "C:\\dir", "C": '"'}, "labels": {"v": "$X"}},
    ),
    Scope(
        "WORKDIR goes on from WORKDIR",
        "FROM scratch\nENV D=c\nWORKDIR /a\nWORKDIR b/./$D/../d\n",
        {"env": {"D": "c"}, "workdir": "/a/b/d"},
    ),
    Scope("WORKDIR takes quotes off", 'FROM scratch\nWORKDIR "/e f"\n', {"workdir": "/e f"}),
    Scope("WORKDIR to an empty value stays", "FROM scratch\nWORKDIR /a\nWORKDIR $NOPE\n", {"workdir": "/a"}),
    Scope("WORKDIR above the root is the root", "FROM scratch\nWORKDIR /a\nWORKDIR ../../..\n", {}),
    Scope("USER is expanded", "FROM scratch\nARG U=app\nUSER ${U}:$U\n", {"user": "app:app"}),
    Scope(
        "EXPOSE is expanded and split",
        'FROM scratch\nENV P="80 443/udp"\nEXPOSE $P 8000-8002\n',
        {"env": {"P": "80 443/udp"}, "exposed": ("443/udp", "80/tcp", "8000/tcp", "8001/tcp", "8002/tcp")},
    ),
    Scope(
        "EXPOSE keeps one of the same port",
        "FROM scratch\nEXPOSE 80 80/tcp 80/TCP 53/UDP\n",
        {"exposed": ("53/udp", "80/tcp")},
    ),
    Scope(
        "VOLUME is expanded in both forms",
        'FROM scratch\nENV D=/d\nVOLUME ["$D/a", "/b c"]\nVOLUME $D/e /f\n',
        {"env": {"D": "/d"}, "volumes": ("/b c", "/d/a", "/d/e", "/f")},
    ),
    Scope(
        "STOPSIGNAL is expanded", "FROM scratch\nARG S=SIGQUIT\nSTOPSIGNAL $S\n", {"stop_signal": "SIGQUIT"}
    ),
    Scope(
        "CMD is not expanded",
        "FROM scratch\nENV E=x\nCMD echo $E\n",
        {"env": {"E": "x"}, "cmd": ("/bin/sh", "-c", "echo $E")},
    ),
    Scope(
        "CMD in JSON form is not expanded",
        'FROM scratch\nENV E=x\nCMD ["$E"]\n',
        {"env": {"E": "x"}, "cmd": ("$E",)},
    ),
    Scope(
        "HEALTHCHECK is not expanded",
        (
            "FROM scratch\n"
            "ENV E=x\n"
            "HEALTHCHECK --interval=1m30s --timeout=2s --start-period=1h --retries=3 CMD echo $E\n"
        ),
        {
            "env": {"E": "x"},
            "healthcheck": (("CMD-SHELL", "echo $E"), 90000000000, 2000000000, 3600000000000, 3),
        },
    ),
    Scope(
        "ONBUILD is kept as it is",
        "FROM scratch\nENV E=x\nONBUILD LABEL a=$E\n",
        {"env": {"E": "x"}, "onbuild": ("LABEL a=$E",)},
    ),
    Scope(
        "ONBUILD runs first in a child stage",
        "FROM scratch AS a\nONBUILD ENV E=trigger\nFROM a\nENV F=[$E]\n",
        {"env": {"E": "trigger", "F": "[trigger]"}},
        newer=True,
    ),
    Scope(
        "the last CMD, ENTRYPOINT, USER and HEALTHCHECK hold",
        (
            "FROM scratch\n"
            'CMD ["one"]\n'
            'CMD ["two"]\n'
            'ENTRYPOINT ["e"]\n'
            "HEALTHCHECK CMD true\n"
            "HEALTHCHECK NONE\n"
            "USER a\n"
            "USER b\n"
            "LABEL a=1 b=2\n"
            "LABEL b=3 a=1\n"
        ),
        {
            "user": "b",
            "entrypoint": ("e",),
            "cmd": ("two",),
            "labels": {"a": "1", "b": "3"},
            "healthcheck": (("NONE",), 0, 0, 0, 0),
        },
    ),
    Scope(
        "an ENTRYPOINT drops the CMD of the parent stage",
        'FROM scratch AS a\nCMD ["c"]\nFROM a\nENTRYPOINT ["e"]\n',
        {"entrypoint": ("e",)},
    ),
    Scope(
        "an ENTRYPOINT keeps the CMD of its own stage",
        'FROM scratch\nCMD ["c"]\nENTRYPOINT ["e"]\n',
        {"entrypoint": ("e",), "cmd": ("c",)},
    ),
    Scope(
        "SHELL stands before a shell form",
        'FROM scratch\nSHELL ["/bin/bash", "-c"]\nCMD a  b\nENTRYPOINT c\n',
        {
            "entrypoint": ("/bin/bash", "-c", "c"),
            "cmd": ("/bin/bash", "-c", "a  b"),
            "shell": ("/bin/bash", "-c"),
        },
    ),
    Scope(
        "text after a JSON array makes a shell form",
        'FROM scratch\nCMD ["a"] b\n',
        {"cmd": ("/bin/sh", "-c", '["a"] b')},
        newer=True,
    ),
    Scope("single quotes make no JSON", "FROM scratch\nCMD ['a']\n", {"cmd": ("/bin/sh", "-c", "['a']")}),
    Scope("an empty JSON CMD", "FROM scratch\nCMD []\n", {}),
    Scope(
        "a quoted blank belongs to a LABEL's value",
        "FROM scratch\nLABEL a=\"x y\" 'b c'=d e=f\\ g\n",
        {"labels": {"a": "x y", "b c": "d", "e": "f g"}},
    ),
    Scope("the old form of LABEL", "FROM scratch\nLABEL a b c\n", {"labels": {"a": "b c"}}),
    Scope(
        "LABEL over lines with a comment between",
        "FROM scratch\nLABEL a=1 \\\n  # comment\n\n  b=2\n",
        {"labels": {"a": "1", "b": "2"}},
    ),
    Scope(
        "scratch has a PATH",
        "FROM scratch\nENV P=$PATH:/x\n",
        {"env": {"P": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/x"}},
    ),
    Scope(
        "MAINTAINER is the author",
        "FROM scratch\nMAINTAINER a <b@c.example>\n",
        {"author": "a <b@c.example>"},
    ),
)
