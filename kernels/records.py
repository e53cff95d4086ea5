"""Records as kernels take them: by the address of where their fields stand.

Numba passes a named tuple as its values one by one, an array as five and two for each dimension, so that a call of a kernel with state,
layout and scratch would push half a thousand numbers, and every function would begin by taking them apart. A record is one pointer: calls
cost little, so that kernels need not be contained in their callers (``standing.py``), and LLVM has half the work (``benchmarks/start.md``).
What reads ``work.V`` loads the numbers of that array.

A record that a kernel makes stands in the kernel's frame, one place for every line that makes one; returned are its fields. So in a loop
it is what the line made last, and no second name may keep what it was before (``tests/kernels/test_records.py`` reads them all for that).

References to the arrays of a record are not counted: a function that counts them would let go of what it never took, and the array would
be freed under its owner. Numba refuses to compile one.
"""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.errors import LoweringError, TypingError
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr, make_callable_template
from numba.core.utils import pysignature
from numba.extending import NativeValue, box, lower_builtin, register_model, typeof_impl, unbox

Class = TypeVar("Class", bound=type)


class RecordType(types.Type):  # type: ignore[misc]
    """A record of class ``of`` whose fields have these types."""

    def __init__(self, of: Any, fields: tuple[Any, ...]) -> None:
        self.of, self.fields = of, fields
        told = repr((of.__module__, of.__qualname__, fields)).encode()
        super().__init__(f"{of.__name__}.{hashlib.blake2b(told, digest_size=8).hexdigest()}")
        self._hash = hash((of, fields))  # of dozens of fields, and asked for all the time

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> Any:
        return RecordType, (self.of, self.fields)  # without the hash, which is another in every process

    @property
    def key(self) -> Any:
        return self.of, self.fields

    @property
    def mangling_args(self) -> Any:
        return self.name, ()


class RecordClass(types.Callable, types.Opaque):  # type: ignore[misc]
    """The class of a record, in kernels that make one."""

    def __init__(self, of: Any) -> None:
        self.of = of
        super().__init__(f"class {of.__module__}.{of.__qualname__}")

    @property
    def key(self) -> Any:
        return self.of

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        return context.resolve_getattr(self, "__call__").get_call_type(context, args, kws)

    def get_call_signatures(self) -> Any:
        return (), True

    def get_impl_key(self, sig: Any) -> Any:
        return type(self)


register_model(RecordClass)(models.OpaqueModel)


class _Record(type):
    """The class of classes of records, by which Numba tells them from other named tuples."""


typeof_impl.register(_Record)(lambda of, c: RecordClass(of))


def record(of: Class) -> Class:
    """The named tuple ``of`` as a record in kernels."""
    made = _Record(
        of.__name__, (of,), {"__slots__": (), "__doc__": of.__doc__, "__module__": of.__module__, "__qualname__": of.__qualname__}
    )
    typeof_impl.register(made)(lambda value, c: RecordType(made, tuple(typeof_impl(field, c) for field in value)))
    return made


@register_model(RecordType)
class _Model(models.PrimitiveModel):  # type: ignore[misc]
    """An address; what is returned is what stands there, of fields that are records too."""

    def __init__(self, manager: Any, kind: Any) -> None:
        self.fields = [manager[field] for field in kind.fields]
        self.there = ir.LiteralStructType([field.get_data_type() for field in self.fields])
        self.returned = ir.LiteralStructType(
            [field.returned if isinstance(field, _Model) else field.get_data_type() for field in self.fields]
        )
        super().__init__(manager, kind, self.there.as_pointer())

    def from_argument(self, builder: Any, value: Any) -> Any:
        """Nobody writes where fields stand, so LLVM may read them before loops that write to arrays."""
        value.add_attribute("noalias")
        return value

    def get_return_type(self) -> Any:
        return self.returned

    def as_return(self, builder: Any, value: Any) -> Any:
        given = ir.Constant(self.returned, ir.Undefined)
        for place, field in enumerate(self.fields):
            there = builder.load(cgutils.gep_inbounds(builder, value, 0, place))
            given = builder.insert_value(given, field.as_return(builder, there) if isinstance(field, _Model) else there, place)
        return given

    def from_return(self, builder: Any, value: Any) -> Any:
        given = [builder.extract_value(value, place) for place in range(len(self.fields))]
        return self.made(
            builder,
            [
                field.from_return(builder, each) if isinstance(field, _Model) else each
                for field, each in zip(self.fields, given, strict=True)
            ],
        )

    def made(self, builder: Any, data: list[Any]) -> Any:
        """A record in the frame of the function that ``builder`` writes."""
        made = cgutils.alloca_once(builder, self.there)
        for place, each in enumerate(data):
            builder.store(each, cgutils.gep_inbounds(builder, made, 0, place))
        return made


def _uncounted(context: Any) -> None:
    if context.enable_nrt:
        raise LoweringError("records are for functions that count no references to arrays: the decorators of gibbs.kernels.compiling")


@infer_getattr
class _Fields(AttributeTemplate):  # type: ignore[misc]
    key = RecordType

    def generic_resolve(self, kind: Any, name: str) -> Any:
        return kind.fields[kind.of._fields.index(name)] if name in kind.of._fields else None


@infer_getattr
class _Making(AttributeTemplate):  # type: ignore[misc]
    key = RecordClass

    def resolve___call__(self, made: Any) -> Any:
        signature = pysignature(made.of)

        def typer(*args: Any, **kws: Any) -> Any:
            try:
                given = signature.bind(*args, **kws).args
            except TypeError as error:
                raise TypingError(f"{made.of.__name__}: {error}") from None
            return RecordType(made.of, tuple(map(types.unliteral, given)))

        typer.pysig = signature
        return types.Function(make_callable_template(self.key, typer))


@lower_getattr_generic(RecordType)
def _read(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    _uncounted(context)
    place = kind.of._fields.index(name)
    field = context.data_model_manager[kind].fields[place]
    return field.from_data(builder, builder.load(cgutils.gep_inbounds(builder, value, 0, place)))


@lower_builtin(RecordClass, types.VarArg(types.Any))
def _make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    _uncounted(context)
    kind, model = signature.return_type, context.data_model_manager[signature.return_type]
    cast = [context.cast(builder, *each) for each in zip(values, signature.args, kind.fields, strict=True)]
    return model.made(builder, [field.as_data(builder, each) for field, each in zip(model.fields, cast, strict=True)])


@unbox(RecordType)
def _from_python(kind: Any, given: Any, c: Any) -> Any:
    _uncounted(c.context)
    fields = [c.unbox(field, c.pyapi.tuple_getitem(given, place)) for place, field in enumerate(kind.fields)]
    failed = cgutils.false_bit
    for each in fields:
        failed = c.builder.or_(failed, each.is_error)
    model = c.context.data_model_manager[kind]
    value = model.made(c.builder, [field.as_data(c.builder, each.value) for field, each in zip(model.fields, fields, strict=True)])
    cleanups = [each.cleanup for each in fields if each.cleanup is not None]

    def clean() -> None:
        for cleanup in reversed(cleanups):
            cleanup()

    return NativeValue(value, is_error=failed, cleanup=clean if cleanups else None)


@box(RecordType)
def _to_python(kind: Any, value: Any, c: Any) -> Any:
    of = c.pyapi.unserialize(c.pyapi.serialize_object(kind.of))
    fields = []
    for name, field in zip(kind.of._fields, kind.fields, strict=True):
        fields.append(c.box(field, _read(c.context, c.builder, kind, value, name)))
    made = c.pyapi.call_function_objargs(of, fields)
    for each in (of, *fields):
        c.pyapi.decref(each)
    return made
