"""The site: guide, explanations, gallery and reference; ``python -m sphinx -W docs build/site`` builds it."""

import os

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

import sk_cbow

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up messages would stand below the examples

project = "sk_cbow"
author = "The sk_cbow developers"
copyright = author
version = release = sk_cbow.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
]
# Sources of the gallery, which writes its own pages, and its tables of seconds, which fetch scripts from the network
exclude_patterns = ["examples", "explanations", "**sg_execution_times.rst", "benchmarks/tried.md"]
templates_path = ["_templates"]
default_role = "py:obj"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_mock_imports = ["onnx", "skl2onnx"]  # which building the site does not need
autosummary_generate = True
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": ["examples", "explanations"],
    "gallery_dirs": ["gallery", "how_it_works"],
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"(block_picture|docstrings|overview|quickstart)\.py",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "remove_config_comments": True,
}

html_theme = "pydata_sphinx_theme"
html_title = "sk_cbow"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_align": "left",
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": [], "contributing": [], "changelog": [], "benchmarks/README": []}
html_math_renderer = "mathml"


def visit_math(translator, node):
    translator.body.append(tex2mathml(node.astext()))
    raise SkipNode


def visit_displayed_math(translator, node):
    for formula in node.astext().split("\n\n"):
        translator.body.append(f'<div class="formula">{tex2mathml(formula, as_block=True)}</div>')
    raise SkipNode


def close_code(app, document, source):
    """Leave out the blank line at the end of code in Markdown, by which doctest knows that the output has ended."""
    source[0] = source[0].replace("\n\n```\n", "\n```\n")


def setup(app):
    app.connect("source-read", close_code)
    # Browsers read MathML; MathJax, Sphinx's default, would be fetched from the network with every page.
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displayed_math, None))
