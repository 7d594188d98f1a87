"""The site: guide, explanations, gallery and reference; ``python -m sphinx -W docs build/site`` builds it."""

import os
import tempfile
import zlib
from importlib.metadata import metadata
from importlib.util import find_spec
from pathlib import Path

import yaml

import sk_cbow

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up messages would stand below the examples

DOCS = Path(__file__).parent
# A repository or an issue tracker named in pyproject.toml's [project.urls] appears as an icon in the header.
URLS = dict(line.split(", ", 1) for line in metadata("sk-cbow").get_all("Project-URL") or [])
ICONS = {"Repository": "fa-solid fa-code-branch", "Issues": "fa-solid fa-circle-exclamation"}

project = "sk_cbow"
author = "The sk_cbow developers"
copyright = author
version = release = sk_cbow.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
]
# Sources of the gallery, which writes its own pages, and its tables of seconds, which fetch scripts from the network
exclude_patterns = [
    "examples",
    "explanations",
    "**sg_execution_times.rst",
    "gallery/backreferences",
    "benchmarks/tried.md",
]
templates_path = ["_templates"]
default_role = "py:obj"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_mock_imports = ["onnx", "skl2onnx"]  # which building the site does not need
autosummary_generate = True
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False  # the template has a table of methods
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = {
    "CBOWVectorizer": "sk_cbow.CBOWVectorizer",
    "KeyedVectors": "gensim.models.keyedvectors.KeyedVectors",
    "bool": ":class:`python:bool`",
    "keras.Model": ":class:`keras:keras.Model`",
    "keras.layers.Embedding": ":class:`keras:keras.layers.Embedding`",
    "path-like": ":term:`path-like <python:path-like-object>`",
}

autodoc_typehints = "none"  # the docstrings have the types, with shapes

sphinx_gallery_conf = {
    "examples_dirs": ["examples", "explanations"],
    "gallery_dirs": ["gallery", "how_it_works"],
    "ignore_pattern": r"(overview|quickstart)\.py",
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("sk_cbow",),
    "thumbnail_size": (480, 336),
    "download_all_examples": False,
    "remove_config_comments": True,
    "parallel": 2,  # examples at a time
}

html_theme = "pydata_sphinx_theme"
html_title = "sk_cbow"
# MathJax comes with the site, in the variant that draws formulas as SVG and so needs no fonts.
MATHJAX = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static/mathjax/tex-svg.js"
html_static_path = ["_static", str(MATHJAX)]
mathjax_path = "tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}}  # the menu would load more files
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_align": "left",
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "icon_links": [{"name": name, "url": URLS[name], "icon": icon} for name, icon in ICONS.items() if name in URLS],
    "footer_start": ["copyright"],
    "footer_end": ["cite"],
}
html_sidebars = {
    "index": [],
    "citing": [],
    "contributing": [],
    "changelog": [],
    "benchmarks/README": [],
}


def inventory(path):
    """Compile a readable list of objects in another site: the site's address, and an inventory file for intersphinx.

    The lists are kept here so that the site builds without network.

    The first line is the address. A line that is not indented holds a role, a page, in which {name} stands for the
    name of the object, and perhaps a title. The names follow, indented.
    """
    address, *lines = path.read_text().splitlines()
    objects, group = [], ()
    for line in filter(None, lines):
        if line.startswith(" "):
            role, page, title = (*group, "-")[:3]
            name = line.strip()
            objects.append(f"{name} {role} 1 {page.format(name=name)} {title}\n")
        else:
            group = line.split(maxsplit=2)
    header = f"# Sphinx inventory version 2\n# Project: {path.stem}\n# Version:\n# Compressed with zlib.\n"
    file = Path(INVENTORIES.name, f"{path.stem}.inv")
    file.write_bytes(header.encode() + zlib.compress("".join(objects).encode()))
    return address, str(file)


INVENTORIES = tempfile.TemporaryDirectory()
intersphinx_mapping = {path.stem: inventory(path) for path in sorted((DOCS / "_inventories").glob("*.txt"))}


def bibtex():
    """CITATION.cff as an entry of BibTeX."""
    citation = yaml.safe_load((DOCS.parent / "CITATION.cff").read_text())
    fields = {
        "title": f"{{{citation['title']}}}",
        "author": " and ".join(f"{{{author['name']}}}" for author in citation["authors"]),
        "version": release,
        "license": citation["license"],
        "url": citation.get("repository-code", URLS["Documentation"]),
    }
    if "date-released" in citation:
        fields["year"] = str(citation["date-released"])[:4]
    return "@software{sk_cbow,\n" + "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items()) + "}"


def readme():
    """README.md as a page of the site, whose links point to pages."""
    text = (DOCS.parent / "README.md").read_text()
    for name, page in {"docs/examples)": "/gallery/index)", "docs/explanations)": "/how_it_works/index)"}.items():
        text = text.replace(name, page)
    return text.replace("](docs/", "](").replace('"docs/', '"').replace("](CHANGELOG.md", "](changelog.md")


def edit_source(app, document, source):
    """Edit the source of a page before Sphinx parses it."""
    # A blank line at the end of code in Markdown tells doctest that the output has ended; readers do not need it.
    text = source[0].replace("\n\n```\n", "\n```\n")
    for marker, content in {"@BIBTEX@": bibtex, "@README@": readme}.items():
        if marker in text:
            text = text.replace(marker, content())
    source[0] = text


def full_name(app, env, node, contnode):
    """Docstrings name a class as their module imports it; find it where the reference has it."""
    if node.get("refdomain") == "py" and node["reftarget"].startswith("CBOWVectorizer"):
        target = f"sk_cbow.{node['reftarget']}"
        return env.domains["py"].resolve_xref(env, node["refdoc"], app.builder, "obj", target, node, contnode)


def setup(app):
    app.connect("source-read", edit_source)
    app.connect("missing-reference", full_name)
