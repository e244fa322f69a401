"""Findings about methods that look like a hook and are none, and about hooks as an older Lightning had them.

Known are the methods of the run's own classes that Lightning has not and that these classes nowhere mention. One that
is called from elsewhere may still be among them, so what only looks like a hook is never called certain.
"""

from collections.abc import Iterator

from tracer.analyze.findings_base import Finding, Material, Sure, owner_label
from tracer.analyze.findings_names import LIKE, NEVER_HOOKS, NO_HOOKS, looks_like_hook, nearest
from tracer.run.info import OwnerInfo


def not_a_hook(material: Material) -> Iterator[Finding]:
    """Methods that look like a hook, that nobody calls, and that Lightning does not know."""
    for owner in material.info.owners:
        for name, place in owner.others.items():
            found = _lookalike(material, owner, name)
            if found is not None:
                what, next_step, sure = found
                label = f"{owner_label(owner)}.{name}"
                yield Finding(
                    id="not-a-hook",
                    title=f"{label} is no hook",
                    what=what,
                    evidence=(
                        f"{name}: 0 calls, defined at {place or '?'}, named nowhere else in the classes of the run",
                    ),
                    next_step=next_step,
                    sure=sure,
                    hooks=(label,),
                )


def _lookalike(material: Material, owner: OwnerInfo, name: str) -> tuple[str, str, Sure] | None:
    """What a method is taken for, what to do, and how sure that is; None for one that looks like nothing."""
    if name in NO_HOOKS:
        return f"Lightning 2 no longer has {name}, and calls nothing of that name.", f"use {NO_HOOKS[name]}", "certain"
    if name in NEVER_HOOKS:
        return f"Lightning has never had a hook {name}.", f"use {NEVER_HOOKS[name]}", "certain"
    kinds = [kind for kind, hooks in material.info.hooks.items() if name in hooks]
    if kinds and name.startswith("on_"):
        what = f"Lightning calls {name} on the {' and the '.join(kinds)}, not on the {owner.kind}."
        return what, f"move it to the {kinds[0]}", "certain"
    return _misspelt(name, material.info.hooks.get(owner.kind, ())) if looks_like_hook(name) else None


def _misspelt(name: str, hooks: tuple[str, ...]) -> tuple[str, str, Sure] | None:
    hook, likeness = nearest(name, hooks)
    if likeness >= LIKE:
        return f"It looks like {hook} misspelt: nothing calls {name}.", f"rename it to {hook}", "likely"
    if not name.startswith("on_"):
        return None
    hint = f"; the nearest is {hook}" if hook else ""
    what = f"Its name begins like a hook's, but Lightning has none of that name{hint}."
    return what, "rename it, or call it yourself", "possible"


def removed_arguments(material: Material) -> Iterator[Finding]:
    """Hooks that still take an argument which Lightning no longer passes."""
    for owner, hook in material.own_overrides():
        override = owner.overrides[hook]
        if override.removed:
            label = f"{owner_label(owner)}.{hook}"
            names = ", ".join(override.removed)
            yield Finding(
                id="removed-argument",
                title=f"{label} takes {names}, which is no longer passed",
                what="Lightning 2 trains with several optimizers in manual optimization only.",
                evidence=(f"{hook} is defined at {override.defined_at or '?'}",),
                next_step=f"drop {names}; for several optimizers set self.automatic_optimization = False",
                sure="certain",
                hooks=(label,),
            )
