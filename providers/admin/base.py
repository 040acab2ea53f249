"""The base of every list of the administration: labels, read-only values, and the page that confirms a deletion."""

from collections.abc import Iterable, Iterator
from copy import copy
from html import unescape
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import NestedObjects, quote
from django.core.paginator import Paginator
from django.db import DataError, models, router
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import escape, format_html, format_html_join, strip_tags
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from providers.admin import relations
from providers.json_bodies import TypedJSON

MOST_COUNTED = 10_000  # rows of a list; counting more costs more than the page
MOST_NAMES = 10  # of one kind on the page that confirms a deletion; the rest is a number
EMPTY = "–"


class Label(tuple[str, str]):
    """A state and its words: in a list a coloured label, on a row's own page the words alone."""

    __slots__ = ()

    def __new__(cls, state: str, words: Any) -> "Label":
        return super().__new__(cls, (state, str(words)))

    def __html__(self) -> str:
        return escape(self[1])


class AtLeast(int):
    """A lower bound of a number of rows: it is written with a plus."""

    def __str__(self) -> str:
        return f"{int(self):,}+"


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of the first `MOST_COUNTED` rows. Older ones are found by filters and the search."""

    @cached_property
    def count(self) -> int:
        if not isinstance(self.object_list, QuerySet):
            return len(self.object_list)
        rows = self.object_list.order_by().values("pk")[: MOST_COUNTED + 1].count()
        return rows if rows <= MOST_COUNTED else AtLeast(MOST_COUNTED)


class ReadableValues:
    """Mixin of admin classes and inlines: what a page shows of values that cannot be changed on it."""

    model: Any
    admin_site: Any
    request: HttpRequest | None = None  # of the page, on the copy that shows it

    @property
    def readonly_preprocess_fields(self) -> dict[str, Any]:
        """Unfold's hook: JSON columns as people read them, and links only to rows that this person may see."""
        functions = {}
        for field in self.model._meta.fields:
            if isinstance(field, models.JSONField):
                functions[field.name] = readable
            elif field.remote_field and not self.may_see(field.remote_field.model):
                functions[field.name] = unlinked
        return functions

    def link(self, kind: Any, address: str, text: Any) -> Any:
        """A link to rows of another kind, or only its text for somebody who may not see them."""
        return format_html('<a class="row-link" href="{}">{}</a>', address, text) if self.may_see(kind) else text

    def may_see(self, kind: Any) -> bool:
        if self.request is None or not self.admin_site.is_registered(kind):
            return True
        return bool(self.admin_site.get_model_admin(kind).has_view_permission(self.request))


class AdminPages(ReadableValues):
    """Mixin of every admin class; stands before `ModelAdmin`."""

    # Rows with people's own texts: pages about other rows show their number and nothing else.
    tells_names: ClassVar[bool] = True
    paginator = BoundedPaginator
    show_full_result_count = False

    def for_page(self, request: HttpRequest) -> Any:
        """The admin class of one page: the registered one serves all requests."""
        page = copy(self)
        page.request = request
        return page

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        try:
            changelist = super().get_changelist_instance(request)  # type: ignore[misc]
        except (OverflowError, ValueError, DataError) as error:
            if not request.GET:
                raise
            raise IncorrectLookupParameters(error) from error  # Django looks at the values before the query alone
        changelist.model_admin = self.for_page(request)
        # The heading tells the number where it is not that of all rows.
        filtered = changelist.has_active_filters or changelist.query
        changelist.full_result_count = None if filtered else changelist.result_count
        changelist.show_admin_actions = bool(changelist.result_count)
        return changelist

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        context["adminform"].model_admin = self.for_page(request)
        return super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc]

    def get_inline_instances(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        inlines: list[Any] = super().get_inline_instances(request, obj)  # type: ignore[misc]
        for inline in inlines:
            inline.request = request
        return inlines

    # --- what is sent ---

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):  # type: ignore[attr-defined]
            kwargs.setdefault("widget", relations.RowSelect(db_field, self.admin_site, using=kwargs.get("using")))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):  # type: ignore[attr-defined]
            kwargs.setdefault("widget", relations.RowsSelect(db_field, self.admin_site, using=kwargs.get("using")))
        kwargs.setdefault("form_class", relations.RowsField)
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if relations.possible(self.model, chosen) != chosen:
            messages.warning(request, _("A chosen row does not exist. Nothing was changed."))
            return None
        return super().response_action(request, queryset)  # type: ignore[misc]

    def seen_by(self, request: HttpRequest, row: Any, fieldsets: Any) -> Any:
        """The fieldsets; without input fields for a person who may only view."""
        if row is None or self.has_change_permission(request, row):  # type: ignore[attr-defined]
            return fieldsets
        columns = {field.name for field in self.model._meta.get_fields()}
        return [
            (title, {**options, "fields": [name for name in options["fields"] if self._can_show(name, columns)]})
            for title, options in fieldsets
        ]

    def _can_show(self, name: Any, columns: set[str]) -> bool:
        return not isinstance(name, str) or name in columns or hasattr(self, name)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """The rows to delete and, by kind, how many others go with them; names only of rows the reader may see."""
        rows = list(objs)
        if not rows:
            return [], {}, set(), []
        collector = NestedObjects(using=router.db_for_write(self.model), origin=rows)
        collector.collect(rows)
        deletion = _Deletion(rows, collector, request, self.admin_site)  # type: ignore[attr-defined]
        return list(deletion.lines()), deletion.counts(), deletion.missing(), deletion.protected()


class _Deletion:
    """The rows that are deleted together with rows of one kind."""

    def __init__(self, rows: list[Any], collector: NestedObjects, request: HttpRequest, site: Any) -> None:
        self._rows = rows
        self._kind = type(rows[0])
        self._collector = collector
        self._request = request
        self._site = site

    def lines(self) -> Iterator[Any]:
        yield from self._lines_of(self._kind, self._rows)
        others = {kind: rows for kind, rows in self._by_kind() if kind is not self._kind}
        for kind, rows in others.items():
            yield from self._lines_of(kind, rows)
        chosen = {row.pk for row in self._rows}
        more = [row for row in dict(self._by_kind()).get(self._kind, ()) if row.pk not in chosen]
        if more:  # presets of a model
            yield from self._lines_of(self._kind, more)
        for owner, rows in self._named_in().items():
            words = _("%(kind)s that name it no longer") % {"kind": capfirst(_plural(owner))}
            yield format_html("{}: {}", words, self._names(owner, rows))

    def counts(self) -> dict[str, int]:
        return {_plural(kind): len(rows) for kind, rows in self._by_kind()}

    def missing(self) -> set[str]:
        """The kinds of rows that this person may not delete."""
        refused = set()
        for kind, rows in self._by_kind():
            admin = self._admin_of(kind)
            if admin is not None and not all(admin.has_delete_permission(self._request, row) for row in rows):
                refused.add(str(kind._meta.verbose_name))
        return refused

    def protected(self) -> list[str]:
        return [f"{capfirst(type(row)._meta.verbose_name)}: {row}" for row in self._collector.protected]

    def _by_kind(self) -> Iterator[tuple[Any, list[Any]]]:
        everything: Any = self._collector.model_objs
        for kind, rows in everything.items():
            if not kind._meta.auto_created:
                yield kind, list(rows)

    def _named_in(self) -> dict[Any, list[Any]]:
        """The rows whose relations lose a deleted row, by kind: access rules that name a deleted group."""
        related: dict[Any, list[Any]] = {}
        everything: Any = self._collector.model_objs
        for kind, links in everything.items():
            owner = kind._meta.auto_created
            if not owner or owner in everything:
                continue
            ends = [field for field in kind._meta.fields if field.remote_field and field.remote_field.model is owner]
            ids = {getattr(link, ends[0].attname) for link in links}
            related.setdefault(owner, []).extend(owner._default_manager.filter(pk__in=ids))
        return {owner: list(dict.fromkeys(rows)) for owner, rows in related.items()}

    def _lines_of(self, kind: Any, rows: list[Any]) -> Iterator[Any]:
        if not self._tells(kind):
            yield f"{capfirst(_plural(kind))}: {len(rows)}"
        elif len(rows) == 1:
            yield format_html("{}: {}", capfirst(kind._meta.verbose_name), self._names(kind, rows))
        else:
            yield format_html("{}: {} ({})", capfirst(_plural(kind)), len(rows), self._names(kind, rows))

    def _names(self, kind: Any, rows: Iterable[Any]) -> Any:
        """Names with links, or a number if this reader may not see the names."""
        rows = sorted(rows, key=str) if self._tells(kind) else list(rows)
        if not self._tells(kind):
            return str(len(rows))
        view = f"{self._site.name}:{kind._meta.app_label}_{kind._meta.model_name}_change"
        named = [(reverse(view, args=[quote(row.pk)]), row) for row in rows[:MOST_NAMES]]
        names = format_html_join(", ", '<a href="{}">{}</a>', named)
        rest = len(rows) - len(named)
        more = _("and %(n)s more") % {"n": rest}
        return format_html("{} {}", names, more) if rest else names

    def _tells(self, kind: Any) -> bool:
        admin = self._admin_of(kind)
        return bool(
            admin is not None and getattr(admin, "tells_names", True) and admin.has_view_permission(self._request)
        )

    def _admin_of(self, kind: Any) -> Any:
        return self._site.get_model_admin(kind) if self._site.is_registered(kind) else None


def _plural(kind: Any) -> str:
    return str(kind._meta.verbose_name_plural)


def readable(contents: Any) -> Any:
    """A JSON value that Unfold shows, as people read it: nothing as a dash, a list of texts by commas."""
    text = unescape(strip_tags(str(contents)))
    try:
        value, _end = TypedJSON().raw_decode(text.strip())
    except ValueError:
        return contents
    return contents if (shown := said_of(value)) is None else shown


def unlinked(contents: Any) -> Any:
    """A value without the link to its row."""
    return escape(unescape(strip_tags(str(contents))))


def said_of(value: Any) -> str | None:
    """A value of a JSON column in words; None if it can only be shown as JSON."""
    if value in (None, "", [], {}):
        return EMPTY
    if isinstance(value, list) and all(isinstance(item, str | int | float) or _is_tag(item) for item in value):
        return ", ".join(str(item["name"]) if isinstance(item, dict) else str(item) for item in value)
    return value if isinstance(value, str) else None


def _is_tag(item: Any) -> bool:
    return isinstance(item, dict) and set(item) == {"name"}
