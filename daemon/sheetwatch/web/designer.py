"""The template designer: a blank sheet in, boxes drawn on it, a template out."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, cast

import msgspec
import structlog
from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)

from sheetwatch.delivery.words import meaning
from sheetwatch.domain import ConfigError, EnvironmentFault, SheetwatchError, UsageError
from sheetwatch.files import move
from sheetwatch.templates import load_outline
from sheetwatch.web.designer_check import FILE, problems_of
from sheetwatch.web.designer_drafts import MOST_UPLOADS, Draft, Drafts, Kept, Outdated
from sheetwatch.web.designer_saving import Taken, in_use, save
from sheetwatch.web.designer_sketch import as_yaml, is_roster, parsed, sketched
from sheetwatch.web.designer_tried import as_shown
from sheetwatch.web.place import Place, here
from sheetwatch.web.queue import ID
from sheetwatch.web.session import operator
from sheetwatch.worker import WorkerFailure, designing
from sheetwatch.worker.alone import run_alone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flask.blueprints import BlueprintSetupState
    from werkzeug.wrappers import Response as AnyResponse

    from sheetwatch.worker.designing import Drafted, Tried

pages = Blueprint("designer", __name__, url_prefix="/designer")
_DRAFTS = "sheetwatch-designer"
_LONGEST_PIECE_BYTES = 100_000
_MOST_PAGES = 10_000


@pages.record_once
def _set_up(state: BlueprintSetupState) -> None:
    place = cast("Place", state.app.extensions["sheetwatch"])
    state.app.extensions[_DRAFTS] = Drafts(root=place.settings.state / "designer")


def _drafts() -> Drafts:
    drafts: Drafts = current_app.extensions[_DRAFTS]
    return drafts


def _draft(number: int) -> Draft:
    return _drafts().find(number) or abort(404, "There is no such draft any more.")


def _told(function: Callable[..., Response]) -> Callable[..., Response | tuple[Response, int]]:
    """An answer for a script: what went wrong in words, with the code that says whose fault it is."""

    @wraps(function)
    def answer(**arguments: Any) -> Response | tuple[Response, int]:
        try:
            return function(**arguments)
        except Outdated:
            return jsonify(problem="This draft was changed in another window. Reload the page to see it."), 409
        except Taken as taken:
            return jsonify(taken=taken.mark), 409
        except WorkerFailure as failure:
            return jsonify(problem=f"This file could not be worked on: {meaning(failure.reason)}"), 422
        except (UsageError, ConfigError) as error:
            return jsonify(problem=str(error)), 422
        except (EnvironmentFault, OSError) as error:
            structlog.get_logger().warning("designer_failed", path=request.path, reason=str(error))
            return jsonify(problem=f"This is not possible now: {error}"), 503

    return answer


@contextmanager
def _working() -> Iterator[None]:
    """One process at a time; who comes meanwhile is told. Raises UsageError."""
    drafts = _drafts()
    if not drafts.working.acquire(blocking=False):
        raise UsageError("another sheet is being worked on; try again in a moment")
    try:
        yield
    finally:
        drafts.working.release()


@pages.get("/")
def begin() -> str:
    """Begin, or go on."""
    settings, drafts = here().settings, [draft for draft in _drafts().listed() if draft.is_begun]
    g.title = "Forms"
    lines = [_line(draft) for draft in drafts]
    return render_template("designer.html", drafts=lines, in_use=in_use(settings.templates), most=MOST_UPLOADS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    number: int
    name: str
    fields: int


def _line(draft: Draft) -> _Line:
    try:
        sketch = draft.kept().sketch
    except UsageError:
        return _Line(number=draft.number, name="damaged", fields=0)
    return _Line(number=draft.number, name=sketch.name or "without a name", fields=len(sketch.fields))


@pages.post("/begin")
@_told
def new() -> Response:
    """A new draft, for the files that follow."""
    return jsonify(url=url_for("designer.edit", number=_drafts().begin().number))


@pages.post("/open")
def take_over() -> AnyResponse:
    """A new draft from a template that is in use."""
    found = next((one for one in in_use(here().settings.templates) if one.name == request.form.get("name")), None)
    if found is None:
        abort(404, "There is no such template, or it is faulty.")
    outline = load_outline(found.folder)
    drafts, limits = _drafts(), here().settings.limits
    if not all(field.roster is None or is_roster(f"{field.roster.source}:x") for field in outline.fields):
        flash(f"{found.name}: its lists lie outside of its folder; edit its template.yaml by hand.", "problem")
        return redirect(url_for("designer.begin"), 303)
    draft = drafts.begin()
    try:
        with _working():
            lists = _copied_lists(outline, found.folder, draft.form)
            drafted = run_alone(designing.take_over, found.folder, draft.form, limits=limits)
    except (SheetwatchError, WorkerFailure, OSError) as error:
        drafts.remove(draft)
        flash(f"{found.name}: {error}", "problem")
        return redirect(url_for("designer.begin"), 303)
    draft.keep(_kept(drafted, lists=lists, sketch=sketched(outline.fields, outline)))
    return redirect(url_for("designer.edit", number=draft.number), 303)


def _copied_lists(outline: Any, source: Path, form: Path) -> dict[str, tuple[str, ...]]:
    lists: dict[str, tuple[str, ...]] = {}
    for field in outline.fields:
        if field.roster is not None and field.roster.source not in lists:
            name = field.roster.source
            (form / name).write_bytes((source / name).read_bytes())
            lists[name] = run_alone(designing.columns_of, form / name, limits=here().settings.limits)
    return lists


def _kept(drafted: Drafted, **more: Any) -> Kept:
    others = tuple((box.left, box.top, box.width, box.height) for box in drafted.others)
    return Kept(width_px=drafted.width_px, height_px=drafted.height_px, notes=drafted.notes, others=others, **more)


@pages.get(f"/<{ID}>")
def edit(number: int) -> str:
    """The drawing board."""
    draft = _draft(number)
    if not draft.is_begun:
        abort(404, "This draft has no blank sheet yet. Begin again.")
    kept = draft.kept()
    g.title = f"Form {kept.sketch.name or number}"
    return render_template("designer_board.html", number=number, kept=kept, data=msgspec.json.encode(kept).decode())


@pages.post(f"/<{ID}>/upload")
@_told
def upload(number: int) -> Response:
    """A piece of a file. Pieces, so that no stranger can make the server take in a whole one."""
    piece = request.files.get("piece") or abort(400)
    data = piece.read(_LONGEST_PIECE_BYTES + 1)
    if len(data) > _LONGEST_PIECE_BYTES:
        abort(413)
    limits = here().settings.limits
    return jsonify(size=_drafts().add(_draft(number), _whole("index"), _whole("at"), data, limits))


def _whole(name: str) -> int:
    text = request.form.get(name, "")
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else abort(400)


def _page_index() -> int:
    """The page that was asked for, counted from 0."""
    return min(max(_whole("page"), 1), _MOST_PAGES) - 1


@pages.post(f"/<{ID}>/blank")
@_told
def blank(number: int) -> Response:
    """Propose boxes on the uploaded blank."""
    draft, limits = _unbegun(number), here().settings.limits
    with _working():
        drafted = run_alone(designing.draft_blank, draft.upload(0), _page_index(), draft.form, limits, limits=limits)
    return _begun(draft, drafted)


@pages.post(f"/<{ID}>/learn")
@_told
def learn(number: int) -> Response:
    """Learn the blank from the uploaded sheets, and propose boxes on it."""
    draft, limits = _unbegun(number), here().settings.limits
    scans = draft.uploads()
    with _working():
        drafted = run_alone(designing.learn_blank, scans, draft.form, limits, limits=limits, files=len(scans))
    return _begun(draft, drafted)


def _unbegun(number: int) -> Draft:
    """A draft that waits for its blank: nothing that was drawn is lost to a request that comes twice."""
    draft = _draft(number)
    if draft.is_begun:
        raise UsageError("this draft has its blank already; reload the page")
    return draft


def _begun(draft: Draft, drafted: Drafted) -> Response:
    name = request.form.get("name", "")[:60]
    draft.keep(_kept(drafted, sketch=sketched(drafted.fields, name=name)))
    draft.forget_uploads()
    structlog.get_logger().info("draft_begun", draft=draft.number, fields=len(drafted.fields), by=operator())
    return jsonify(url=url_for("designer.edit", number=draft.number))


@pages.post(f"/<{ID}>/list")
@_told
def add_list(number: int) -> Response:
    """Make the uploaded CSV a list that fields may name."""
    draft = _draft(number)
    stem = re.sub(r"[^a-z0-9_-]+", "-", request.form.get("name", "").rpartition(".")[0].lower()).strip("-_")[:60]
    name = f"{stem or 'list'}.csv"
    with _working():
        columns = run_alone(designing.columns_of, draft.upload(0), limits=here().settings.limits)
    move(draft.upload(0), draft.form / name)
    kept = _drafts().change(draft, _whole("turn"), lists={**draft.kept().lists, name: columns})
    return jsonify(turn=kept.turn, lists=kept.lists)


@pages.post(f"/<{ID}>/keep")
@_told
def keep(number: int) -> Response:
    """Keep what was drawn, and say what is wrong with it."""
    draft, sketch = _draft(number), parsed(request.form.get("sketch", ""))
    kept = _drafts().change(draft, _whole("turn"), sketch=sketch)
    problems = problems_of(kept, draft.form)
    return jsonify(turn=kept.turn, problems=[asdict(problem) for problem in problems])


@pages.post(f"/<{ID}>/try")
@_told
def try_it(number: int) -> Response:
    """Read the uploaded filled sheet with what was drawn."""
    draft, settings = _draft(number), here().settings
    _write_out(draft)
    arguments = (draft.upload(0), _page_index(), draft.form, settings)
    with _working():
        tried: Tried = run_alone(designing.try_sheet, *arguments, limits=settings.limits)
    draft.forget_uploads()
    return jsonify(as_shown(tried))


def _write_out(draft: Draft) -> None:
    """Write the draft's template.yaml. Raises UsageError where something is wrong with it."""
    problems = problems_of(draft.kept(), draft.form)
    if problems:
        raise UsageError(f"{len(problems)} things must be mended first: {problems[0].reason}; {problems[0].mend}")


@pages.post(f"/<{ID}>/save")
@_told
def save_template(number: int) -> Response:
    """Make the draft a template of the configuration."""
    draft, settings = _draft(number), here().settings
    kept = draft.kept()
    if kept.turn != _whole("turn"):
        raise Outdated
    problems = problems_of(kept, draft.form)
    if problems:
        return jsonify(problems=[asdict(problem) for problem in problems])
    run_alone(designing.load_whole, draft.form, limits=settings.limits)
    mark = request.form.get("replace", "")
    with _drafts().lock:
        folder = save(draft.form, kept.sketch.name, settings.templates, mark, here().clock.now())
    name = kept.sketch.name
    structlog.get_logger().info("template_saved", template=name, folder=str(folder), by=operator(), replaced=bool(mark))
    _drafts().remove(draft)
    flash(f"Saved: {name}, in {folder}. Sheets of this form are read with it in a few seconds.", "saved")
    return jsonify(url=url_for("designer.begin"))


@pages.post(f"/<{ID}>/remove")
def remove(number: int) -> AnyResponse:
    """Throw a draft away."""
    _drafts().remove(_draft(number))
    flash("The draft is removed.", "told")
    return redirect(url_for("designer.begin"), 303)


@pages.get(f"/<{ID}>/{designing.REFERENCE}")
def reference(number: int) -> Response:
    """The blank."""
    return _sent(_draft(number).form / designing.REFERENCE, "image/png")


@pages.get(f"/<{ID}>/{designing.TRIED}")
def tried(number: int) -> Response:
    """The filled sheet that was tried last."""
    return _sent(_draft(number).form / designing.TRIED, "image/jpeg")


@pages.get(f"/<{ID}>/{FILE}")
def text(number: int) -> Response:
    """The draft as template.yaml, to be put somewhere by hand."""
    answer = Response(as_yaml(_draft(number).kept().sketch), mimetype="application/yaml")
    answer.headers["Content-Disposition"] = f"attachment; filename={FILE}"
    return answer


def _sent(path: Path, kind: str) -> Response:
    try:
        return Response(path.read_bytes(), mimetype=kind)
    except OSError:
        abort(404, "There is no such picture.")
