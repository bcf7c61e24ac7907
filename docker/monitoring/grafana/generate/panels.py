"""What a dashboard is made of, as Grafana's classic JSON has it (schema version 39).

Panels are laid out in the order they are added: a row of the grid is 24 wide, and what does not fit
begins the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

DATASOURCE: Json = {"type": "prometheus", "uid": "prometheus"}
SCHEMA_VERSION = 39
GRID_WIDTH = 24

# Bounds of colours: (from this value on, colour). The first holds from below.
Steps = list[tuple[float | None, str]]
CALM: Steps = [(None, "green")]
NONE_IS_GOOD: Steps = [(None, "green"), (1, "red")]
ONE_IS_GOOD: Steps = [(None, "red"), (1, "green")]

UP_OR_DOWN: Json = {
    "type": "value",
    "options": {
        "0": {"text": "down", "color": "red", "index": 0},
        "1": {"text": "up", "color": "green", "index": 1},
    },
}


@dataclass
class Query:
    """One PromQL expression and what its series are called."""

    expr: str
    legend: str = ""


@dataclass
class Panel:
    """A panel before it has a number and a place."""

    body: Json
    width: int
    height: int


def _targets(queries: list[Query], **extra: Any) -> list[Json]:
    return [
        {
            "refId": chr(ord("A") + number),
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            **extra,
        }
        for number, query in enumerate(queries)
    ]


def _thresholds(steps: Steps) -> Json:
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}


def _panel(kind: str, title: str, description: str, defaults: Json, options: Json, targets: list[Json]) -> Json:
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": targets,
    }


def graph(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int = 12,
    height: int = 8,
    stacked: bool = False,
    maximum: float | None = None,
    line: float | None = None,
) -> Panel:
    """Values over time. `line` draws the bound of an alert."""
    custom: Json = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 25 if stacked else 8,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "off" if line is None else "dashed"},
    }
    steps = CALM if line is None else [(None, "green"), (line, "red")]
    defaults: Json = {
        "unit": unit,
        "min": 0,
        "color": {"mode": "palette-classic"},
        "custom": custom,
        "thresholds": _thresholds(steps),
    }
    if maximum is not None:
        defaults["max"] = maximum
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return Panel(
        _panel("timeseries", title, description, defaults, options, _targets(list(queries), range=True)),
        width,
        height,
    )


def stat(
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    steps: Steps | None = None,
    width: int = 4,
    height: int = 4,
    decimals: int | None = None,
    mapping: Json | None = None,
) -> Panel:
    """The last value, large; one tile per series."""
    defaults: Json = {
        "unit": unit,
        "color": {"mode": "thresholds"},
        "thresholds": _thresholds(steps or CALM),
        "mappings": [mapping] if mapping else [],
    }
    if decimals is not None:
        defaults["decimals"] = decimals
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "background" if steps or mapping else "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "auto",
    }
    body = _panel("stat", title, description, defaults, options, _targets([query], instant=True, range=False))
    return Panel(body, width, height)


def bars(title: str, description: str, unit: str, query: Query, *, width: int = 12, height: int = 8) -> Panel:
    """A bar per series, of the last value."""
    defaults: Json = {
        "unit": unit,
        "min": 0,
        "color": {"mode": "continuous-BlPu"},
        "thresholds": _thresholds(CALM),
    }
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "displayMode": "basic",
        "orientation": "horizontal",
        "showUnfilled": True,
        "valueMode": "color",
    }
    body = _panel("bargauge", title, description, defaults, options, _targets([query], instant=True, range=False))
    return Panel(body, width, height)


def table(
    title: str, description: str, unit: str, query: Query, *, hide: list[str], width: int = 12, height: int = 8
) -> Panel:
    """The labels of the series as columns; `hide` names those that say nothing."""
    defaults: Json = {"unit": unit, "custom": {"align": "auto"}, "thresholds": _thresholds(CALM)}
    options: Json = {"showHeader": True, "cellHeight": "sm"}
    targets = _targets([query], instant=True, range=False, format="table")
    body = _panel("table", title, description, defaults, options, targets)
    excluded = {name: True for name in ["Time", *hide]}
    body["transformations"] = [{"id": "organize", "options": {"excludeByName": excluded}}]
    return Panel(body, width, height)


@dataclass
class Dashboard:
    """A dashboard under construction. `folder` is where its file goes, and its folder in Grafana."""

    folder: str
    uid: str
    title: str
    description: str
    panels: list[Json] = field(default_factory=list)
    _x: int = 0
    _y: int = 0
    _tallest: int = 0

    def _break(self) -> None:
        self._y += self._tallest
        self._x = self._tallest = 0

    def _place(self, body: Json, width: int, height: int) -> None:
        if self._x + width > GRID_WIDTH:
            self._break()
        position = {"x": self._x, "y": self._y, "w": width, "h": height}
        self.panels.append({"id": len(self.panels) + 1, **body, "gridPos": position})
        self._x += width
        self._tallest = max(self._tallest, height)

    def row(self, title: str, *panels: Panel) -> Dashboard:
        """A heading and the panels below it."""
        self._break()
        self._place({"type": "row", "title": title, "collapsed": False, "panels": []}, GRID_WIDTH, 1)
        self._break()
        for panel in panels:
            self._place(panel.body, panel.width, panel.height)
        return self

    def json(self) -> Json:
        """The whole document."""
        link = {
            "type": "dashboards",
            "title": "Dashboards",
            "tags": ["ai-assistants-1c"],
            "asDropdown": True,
            "includeVars": False,
            "keepTime": True,
            "targetBlank": False,
            "icon": "external link",
            "tooltip": "",
            "url": "",
        }
        return {
            "id": None,
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["ai-assistants-1c", self.folder],
            "timezone": "browser",
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "timepicker": {},
            "templating": {"list": []},
            "annotations": {"list": []},
            "links": [link],
            "panels": self.panels,
        }
