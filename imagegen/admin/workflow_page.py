"""The admin's page for a ComfyUI workflow: paste it, map its nodes, check it against the server, draw once."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from imagegen import rows, workflow
from imagegen.admin.forms import WorkflowForm
from imagegen.models import ImageEngine
from providers.admin.conflicts import FIELD, mark_of_columns, words_of_change
from providers.errors import GatewayError

COLUMNS = ("workflow", "nodes")  # what the page shows and writes
KINDS = tuple(workflow.DEFAULT_KEYS)  # the types that a node can be mapped to, in the order of the page


def show(model_admin: Any, request: HttpRequest, row: ImageEngine) -> HttpResponse:
    """GET shows the saved workflow; POST reads a new one (`load`), takes the stock one (`stock`), or saves the node map
    (`map`).
    """
    here = reverse("admin:imagegen_imageengine_workflow", args=[row.pk])
    form = WorkflowForm(request.POST or None, request.FILES or None) if "load" in request.POST else WorkflowForm()
    if request.method == "POST":
        with transaction.atomic():
            row = ImageEngine.objects.select_for_update().get(pk=row.pk)
            saved = _post(request, row, form)
        if saved:
            return redirect(here)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Workflow of %(name)s") % {"name": row.name},
        "engine": row,
        "opts": model_admin.opts,
        "original": row,
        "form": form,
        "back": reverse("admin:imagegen_imageengine_change", args=[row.pk]),
        "draw": reverse("admin:imagegen_imageengine_draw", args=[row.pk]),
        "opened_with": mark_of_columns(row, COLUMNS),
        **_described(row),
    }
    return TemplateResponse(request, "admin/imagegen/imageengine/workflow.html", context)


def _post(request: HttpRequest, row: ImageEngine, form: WorkflowForm) -> bool:
    """Write what was sent; false if nothing was, because the form is wrong or somebody else changed the row."""
    if changed := words_of_change(row, request.POST.get(FIELD, ""), COLUMNS):
        messages.error(request, changed)
        return False
    if "stock" in request.POST:
        _save(row, workflow.default_graph("edit" if row.purpose == ImageEngine.Purpose.EDIT else "generate"))
    elif "map" in request.POST:
        row.nodes = _chosen(request)
        row.save(update_fields=["nodes", "updated"])
        messages.success(request, _("The mapping is saved."))
    elif form.is_valid():
        _save(row, form.cleaned_data["graph"])
        messages.success(request, _("The workflow is saved. Nodes were mapped where there was only one choice."))
    return not form.errors


def _save(row: ImageEngine, graph: Any) -> None:
    row.workflow = dict(graph)
    row.nodes = [line.as_dict() for line in workflow.guess_nodes(graph)]
    row.save(update_fields=["workflow", "nodes", "updated"])


def _chosen(request: HttpRequest) -> list[dict[str, Any]]:
    """The node map that the table's selects hold: each is named `node:ID:INPUT`, and its value is a type."""
    node_ids: dict[tuple[str, str], list[str]] = {}
    for name, kind in request.POST.items():
        if name.startswith("node:") and kind in KINDS:
            _mark, node_id, key = name.split(":", 2)
            node_ids.setdefault((str(kind), key), []).append(node_id)
    return [{"type": kind, "key": key, "node_ids": ids, "value": ""} for (kind, key), ids in node_ids.items()]


def _described(row: ImageEngine) -> dict[str, Any]:
    """The graph's nodes with their inputs, what each input is mapped to, and every problem."""
    if not row.workflow:
        return {"nodes": [], "problems": [], "checked": False}
    try:
        graph = workflow.parse(row.workflow)
        nodes = workflow.read_nodes(row.nodes)
    except GatewayError as error:
        return {"nodes": [], "problems": [error.message], "checked": False}
    installed, trouble = _installed(row)
    problems = [problem.message for problem in workflow.check(graph, nodes, installed)]
    mapped = {(node_id, key): kind for kind in workflow.kinds(nodes) for node_id, key in workflow.mapped(nodes, kind)}
    table = [
        {
            "id": node_id,
            "title": workflow.title(graph, node_id),
            "class": node["class_type"],
            "inputs": [
                {
                    "name": f"node:{node_id}:{key}",
                    "key": key,
                    "value": "" if workflow.link_of(value) else str(value)[:80],
                    "link": workflow.link_of(value),
                    "kind": mapped.get((node_id, key), ""),
                }
                for key, value in node.get("inputs", {}).items()
            ],
        }
        for node_id, node in graph.items()
    ]
    return {"nodes": table, "kinds": KINDS, "problems": problems, "checked": installed is not None, "trouble": trouble}


def _installed(row: ImageEngine) -> tuple[workflow.Installed | None, str]:
    """The node classes installed on the server; None and the reason if it cannot be asked."""
    if not row.url:
        return None, _("Enter the server’s address to have the workflow checked against what is installed there.")
    engine, config = rows.engine_of(row), rows.config_of(row)
    try:
        return engine.installed(config), ""  # type: ignore[attr-defined]
    except GatewayError as error:
        return None, error.message
