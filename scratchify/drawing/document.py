"""The build graph as a JSON document (docs/schema/graph.json)."""

from __future__ import annotations

from typing import Any

from analyzer.dockerfile.scope import Expanded, Stage
from analyzer.edges import Dependencies
from analyzer.errors import Problem
from analyzer.stages import StageTable, ordered

SCHEMA = 1


def document(table: StageTable, parts: Dependencies, target: str = "", platform: str = "") -> dict[str, Any]:
    """Stages with their instructions, the instructions before the first FROM, nodes, edges, problems.

    `platform` is the target platform, "" where none is asked for."""
    dockerfile = table.program.dockerfile
    chosen = table.find(target) if table.stages else None
    needed = frozenset(table.needed(chosen) if chosen is not None else ())
    return {
        "schema": SCHEMA,
        "path": dockerfile.path,
        "escape": dockerfile.escape,
        "directives": [
            {"name": each.name, "value": each.value, "line": each.line} for each in dockerfile.directives
        ],
        "target": chosen,
        "global_instructions": [instruction_document(each) for each in table.evaluation.globals],
        "stages": [_stage(table, stage, platform, stage.index in needed) for stage in table.stages],
        "images": list(table.external_images()),
        "nodes": [
            {
                "id": node.id,
                "kind": node.kind,
                "label": node.label,
                "stage": node.stage,
                "line": node.line,
            }
            for node in parts.nodes
        ],
        "edges": [
            {
                "kind": edge.kind,
                "from": edge.source,
                "to": edge.target,
                "stage": edge.stage,
                "line": edge.line,
                "label": edge.label,
            }
            for edge in parts.edges
        ],
        "problems": [
            _problem(each) for each in (table.problems_of(target) if table.stages else table.problems)
        ],
    }


def _stage(table: StageTable, stage: Stage, platform: str, needed: bool) -> dict[str, Any]:
    return {
        "index": stage.index,
        "name": stage.name,
        "base": stage.base,
        "base_stage": stage.parent,
        "platform": table.platform(stage.index, platform) or None,
        "needed": needed,
        "needs": [index for index in table.needed(stage.index) if index != stage.index],
        "instructions": [
            instruction_document(stage.start),
            *(instruction_document(each) for each, trigger in ordered(stage) if not trigger),
        ],
        "triggers": [instruction_document(each) for each, trigger in ordered(stage) if trigger],
    }


def instruction_document(instruction: Expanded) -> dict[str, Any]:
    """One instruction. `arguments` are its words as written, `expanded` the same words with values put in,
    `expanded_flags` the flags likewise."""
    node = instruction.node
    return {
        "keyword": node.keyword,
        "start_line": node.start_line,
        "end_line": node.end_line,
        "flags": [str(flag) for flag in node.flags],
        "arguments": list(node.values),
        "form": "json" if node.json else "shell",
        "heredocs": [
            {
                "name": each.name,
                "expand": each.expand,
                "chomp": each.chomp,
                "descriptor": each.descriptor,
                "content": each.content,
            }
            for each in node.heredocs
        ],
        "expanded": list(instruction.words),
        "expanded_flags": [str(flag) for flag in instruction.flags],
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {"line": problem.line, "column": problem.column, "message": problem.message, "hint": problem.hint}
