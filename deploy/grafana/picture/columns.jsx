// Grafana's bar chart is a panel of its own, and not published: its bars stand here in Grafana's axes, scales, limits
// and legend.
import { FieldType, colorManipulator, formattedValueToString, getFieldDisplayName } from "@grafana/data";
import { UPlotChart, UPlotConfigBuilder, VizLayout, VizLegend } from "@grafana/ui";
import React from "react";
import uPlot from "uplot";

const [HORIZONTAL, VERTICAL, FORWARD] = [0, 1, 1];
const GROUP = 0.7;
const LETTER = 6;

/** Standing bars: one of each number field for each value of the field that the panel names. */
export function Columns({ panel, frames, width, height, theme }) {
  const { options } = panel;
  const [frame] = frames;
  const names = frame.fields.find(({ name }) => name === options.xField).values;
  const fields = frame.fields.filter(({ type }) => type === FieldType.number);
  const builder = new UPlotConfigBuilder("utc");
  addNames(builder, names, options, theme);
  addValues(builder, fields[0], theme);
  fields.forEach((field, series) => addBars(builder, field, { series, of: fields.length, names, theme }));
  const items = fields.map((field) => {
    return { label: getFieldDisplayName(field, frame, frames), color: colorOf(field, 0, theme), yAxis: 1 };
  });
  const { showLegend, placement, displayMode } = options.legend;
  const legend = showLegend && (
    <VizLayout.Legend placement={placement}>
      <VizLegend {...{ items, placement, displayMode }} />
    </VizLayout.Legend>
  );
  const data = [names.map((_, at) => at), ...fields.map(({ values }) => values)];
  return (
    <VizLayout {...{ width, height }} legend={legend || null}>
      {(width, height) => <UPlotChart {...{ data, width, height }} config={builder} />}
    </VizLayout>
  );
}

function addNames(builder, names, { xTickLabelRotation: rotation, xTickLabelMaxLength: longest }, theme) {
  const short = names.map((name) => (name.length > longest ? `${name.slice(0, longest)}...` : name));
  const range = () => [-0.5, names.length - 0.5];
  builder.addScale({ scaleKey: "x", isTime: false, orientation: HORIZONTAL, direction: FORWARD, range });
  builder.addAxis({
    ...{ scaleKey: "x", isTime: false, placement: "bottom", theme, grid: { show: false }, ticks: { show: false } },
    splits: () => names.map((_, at) => at),
    values: () => short,
    filter: (_, splits) => splits,
    tickLabelRotation: rotation,
    size: 14 + LETTER * Math.max(...short.map(({ length }) => length)) * Math.sin((Math.abs(rotation) * Math.PI) / 180),
  });
}

function addValues(builder, field, theme) {
  const { decimals, min, max, thresholds, custom } = field.config;
  const ends = { min, max, softMin: custom.axisSoftMin, softMax: custom.axisSoftMax };
  builder.addScale({ scaleKey: "y", orientation: VERTICAL, direction: FORWARD, decimals, ...ends });
  const formatValue = (value, decimals) => formattedValueToString(field.display(value, decimals));
  builder.addAxis({ scaleKey: "y", placement: "left", label: custom.axisLabel, theme, decimals, formatValue });
  if (custom.thresholdsStyle.mode !== "off")
    builder.addThresholds({ scaleKey: "y", config: custom.thresholdsStyle, thresholds, theme });
}

function addBars(builder, field, { series, of, names, theme }) {
  const { lineWidth, fillOpacity } = field.config.custom;
  const colors = field.values.map((value) => colorOf(field, value, theme));
  const fills = colors.map((color) => colorManipulator.alpha(color, fillOpacity / 100));
  const pathBuilder = uPlot.paths.bars({
    disp: {
      x0: { unit: 1, values: () => names.map((_, at) => at - GROUP / 2 + (series * GROUP) / of) },
      size: { unit: 1, values: () => names.map(() => (0.97 * GROUP) / of) },
      stroke: { unit: 3, values: () => colors },
      fill: { unit: 3, values: () => fills },
    },
  });
  builder.addSeries({ scaleKey: "y", theme, lineWidth, lineColor: colors[0], fillColor: fills[0], pathBuilder });
}

function colorOf({ config, display, state }, value, { visualization }) {
  if (config.color.mode === "thresholds") return display(value).color;
  const { palette, getColorByName } = visualization;
  return getColorByName(config.color.fixedColor ?? palette[state.seriesIndex % palette.length]);
}
