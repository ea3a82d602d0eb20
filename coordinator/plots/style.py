"""The look of every plot, in one stylesheet: for a page, or inside a plot that stands alone.

Colours are of the blue and orange that people with any kind of colour blindness tell apart. Renderers that know no media
queries show the light form.
"""

STYLE = """
.plot { max-width: 100%; height: auto; }
.plot text { font-family: Helvetica, Arial, "Liberation Sans", sans-serif; font-size: 13px; fill: #1f2933;
  font-variant-numeric: tabular-nums; }
.plot .paper { fill: #ffffff; }
.plot .stripe { fill: #f4f6f8; }
.plot .rule { stroke: #1f2933; stroke-width: 1; fill: none; }
.plot .axis { stroke: #7b8794; stroke-width: 1; fill: none; }
.plot .grid { stroke: #e4e7eb; stroke-width: 1; }
.plot .reference { stroke: #7b8794; stroke-width: 1; stroke-dasharray: 4 3; }
.plot text.head { font-weight: bold; }
.plot text.tick { font-size: 12px; fill: #52606d; }
.plot text.axis-name { font-size: 12px; fill: #52606d; stroke: none; }
.plot text.ink { fill: #1f2933; }
.plot text.note { fill: #52606d; font-style: italic; }
.plot text.middle { text-anchor: middle; }
.plot text.end { text-anchor: end; }
.plot .interval { stroke: #1d5a96; stroke-width: 2; fill: none; }
.plot .estimate { fill: #1d5a96; stroke: #1d5a96; stroke-width: 1.5; }
.plot .fine .interval { stroke-width: 1; stroke-opacity: 0.6; }
.plot .beyond { fill: #1d5a96; }
.plot .trace { stroke: #1d5a96; stroke-width: 2; fill: none; }
.plot .rejected { fill: #ffffff; stroke: #c25e00; stroke-width: 2; }
.plot .cell { fill: #ffffff; stroke: #e4e7eb; stroke-width: 1; }
.plot .positive { fill: #2166ac; }
.plot .negative { fill: #d9760a; }
@media screen and (prefers-color-scheme: dark) {
  .plot text { fill: #e4e7eb; }
  .plot .paper, .plot .cell, .plot .rejected { fill: #14181d; }
  .plot .stripe { fill: #1c2229; }
  .plot .grid, .plot .cell { stroke: #323f4b; }
  .plot .rule { stroke: #e4e7eb; }
  .plot text.ink { fill: #e4e7eb; }
  .plot text.tick:not(.ink), .plot text.axis-name, .plot text.note { fill: #b8c2cc; }
  .plot .interval, .plot .trace { stroke: #7db4ea; }
  .plot .estimate { fill: #7db4ea; stroke: #7db4ea; }
  .plot .beyond { fill: #7db4ea; }
  .plot .rejected { stroke: #f0a04b; }
  .plot .positive { fill: #2f6fb0; }
  .plot .negative { fill: #a85f12; }
}
@media print { .plot { break-inside: avoid; } }
"""
