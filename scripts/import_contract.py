"""An import-linter contract that names what a package may import, and forbids the rest.

import-linter's own contracts list what is forbidden, so a new module or dependency is allowed until somebody
remembers it. The design says who *may* import whom; this says it in the same words, in pyproject.toml:

    [[tool.importlinter.contracts]]
    name = "the store knows the schemas only"
    type = "may_import"
    importer = "driftline_collector.store"
    packages = ["driftline_schemas"]
    third_party = ["duckdb", "pyarrow"]

The standard library, and modules inside ``importer``, are always allowed. Without ``third_party`` any package
from outside this project is allowed too. A module that is an exception is listed under ``exceptions`` as
``importer -> imported``; one that excuses nothing is an error, so exceptions do not outlive their reason.
"""

import sys
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


def _inside(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


class MayImport(Contract):
    """Breaks on each import, at module level or inside a function, that is not named as allowed."""

    type_name = "may_import"

    importer = fields.StringField()
    packages = fields.ListField(subfield=fields.StringField())
    third_party = fields.ListField(subfield=fields.StringField(), required=False)
    exceptions = fields.SetField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002 - its caller's signature
        importer, third_party = str(self.importer), _names(self.third_party)
        excused = set(_names(self.exceptions) or ())
        allowed = {importer, *(_names(self.packages) or ())}
        ours = {name.partition(".")[0] for name in graph.modules if not graph.is_module_squashed(name)}
        broken = [f"there is no module {name}" for name in sorted(allowed) if name not in graph.modules]
        unused = set(excused)
        if third_party is not None:
            allowed |= {*third_party, *sys.stdlib_module_names}
        for module in sorted(graph.modules):
            if not _inside(module, importer):
                continue
            for imported in sorted(graph.find_modules_directly_imported_by(module)):
                link = f"{module} -> {imported}"
                free = third_party is None and imported.partition(".")[0] not in ours
                if free or any(_inside(imported, package) for package in allowed):
                    continue
                unused.discard(link)
                if link not in excused:
                    details = graph.get_import_details(importer=module, imported=imported)
                    broken.append(
                        f"{link} (line {', '.join(str(detail['line_number']) for detail in details)})"
                    )
        broken += [f"{link} is excused, but nothing imports so" for link in sorted(unused)]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in check.metadata["broken"]:
            output.print_error(line, bold=False)
        output.new_line()


def _names(field: Any) -> list[str] | None:
    """A field's value: import-linter declares fields on the class and puts parsed values on the instance."""
    return None if field is None else [str(name) for name in field]
