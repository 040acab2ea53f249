"""The flat picture configuration over HTTP, for administrators."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import BasePermission, IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from imagegen import access
from imagegen.config import form
from imagegen.models import ImageSettings
from providers import json_bodies
from providers.authentication import caller_of
from providers.errors import BadRequest, NotFound
from providers.sentences import sentence as _


class MayConfigure(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        caller = caller_of(request)
        return caller.is_admin and caller.may("admin")


class ConfigView(APIView):
    permission_classes = (IsAdminUser, MayConfigure)


class Config(ConfigView):
    @extend_schema(operation_id="images_config", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Every key of the flat form; secrets are masked. The header `ETag` marks these values."""
        shown = form.read()
        return Response(shown, headers={"ETag": form.mark_of(shown)})


class UpdateConfig(ConfigView):
    @extend_schema(operation_id="images_config_update", request=OpenApiTypes.OBJECT, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request) -> Response:
        """Save all or nothing; a masked secret keeps the stored one. With the `ETag` of the form as `If-Match`, a form
        that somebody else changed since is refused (412).
        """
        saved = form.update(_object(request), mark=request.headers.get("If-Match", ""))
        return Response(saved, headers={"ETag": form.mark_of(saved)})


class Verify(ConfigView):
    @extend_schema(operation_id="images_verify", request=OpenApiTypes.OBJECT, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request) -> Response:
        """Test `{engine, url, key, …}` without saving."""
        return Response(form.verify(_object(request), by=caller_of(request)))


class VerifySaved(ConfigView):
    @extend_schema(operation_id="images_verify_saved", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Test the default engine with its saved values."""
        row = ImageSettings.load().engine or next(iter(access.engines_for(caller_of(request), editing=False)), None)
        if row is None:
            raise NotFound(_("No picture engine is set up for this yet."), code="engine_not_found")
        return Response(form.check(row, by=caller_of(request)))


def _object(request: Request) -> dict[str, object]:
    if not isinstance(request.data, dict):
        raise BadRequest(_("The body must be a JSON object."))
    json_bodies.check_texts(request.data)
    return dict(request.data)
