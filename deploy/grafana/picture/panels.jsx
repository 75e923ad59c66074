// The kinds of panels that the dashboards have, each put together from Grafana's components as Grafana does it.
import { getDisplayValueAlignmentFactors, getFieldDisplayValues } from "@grafana/data";
import { BigValue, Table, TimeSeries, VizRepeater } from "@grafana/ui";
import React from "react";
import { Columns } from "./columns";

const KINDS = { timeseries: Lines, stat: Numbers, barchart: Columns, table: Rows };

/** What is inside of a panel's frame. */
export function Body(props) {
  const { panel, frames, width, height, theme } = props;
  const Kind = KINDS[panel.type];
  if (!Kind) throw new Error(`no such kind of panel here: ${panel.type}`);
  if (Kind === Numbers || frames.some((frame) => frame.length)) return <Kind {...props} />;
  const middle = { display: "flex", width, height, alignItems: "center", justifyContent: "center", fontSize: 18 };
  const says = panel.fieldConfig.defaults.noValue ?? "No data";
  return <div style={{ ...middle, color: theme.colors.text.secondary }}>{says}</div>;
}

function Lines({ panel, frames, width, height, theme, timeRange, marks }) {
  const marked = (config) => {
    config.addHook("draw", (plot) => marks.forEach((mark) => drawMark(plot, mark, theme)));
    return null;
  };
  const { legend } = panel.options;
  return (
    <TimeSeries {...{ frames, width, height, timeRange, legend }} timeZone="utc" options={{}} replaceVariables={asIs}>
      {marked}
    </TimeSeries>
  );
}

// Grafana's marks are not among the components: a dashed line, and a triangle below.
function drawMark({ ctx, bbox, valToPos }, { at, color }, theme) {
  const x = Math.round(valToPos(at, "x", true));
  const bottom = bbox.top + bbox.height;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = theme.visualization.getColorByName(color);
  ctx.setLineDash([5, 5]);
  ctx.stroke(new Path2D(`M ${x} ${bbox.top} V ${bottom}`));
  ctx.fill(new Path2D(`M ${x} ${bottom} l 5 6 h -10 Z`));
  ctx.restore();
}

function Numbers({ panel, frames, width, height, theme }) {
  const { orientation, reduceOptions, textMode, colorMode, graphMode, justifyMode } = panel.options;
  const fieldConfig = { defaults: panel.fieldConfig.defaults, overrides: [] };
  const values = getFieldDisplayValues({
    ...{ fieldConfig, reduceOptions, theme },
    data: frames,
    timeZone: "utc",
    replaceVariables: asIs,
  });
  const named = values.length > 1 ? "value_and_name" : "value";
  const modes = { colorMode, graphMode, justifyMode, textMode: textMode === "auto" ? named : textMode };
  return (
    <VizRepeater
      {...{ width, height, orientation }}
      source={values}
      getValues={() => values}
      itemSpacing={3}
      getAlignmentFactors={(all) => getDisplayValueAlignmentFactors(all)}
      renderValue={({ value, width, height, count, alignmentFactors }) => (
        <BigValue value={value.display} {...{ width, height, theme, count, alignmentFactors }} {...modes} />
      )}
    />
  );
}

function Rows({ frames, width, height }) {
  return <Table data={frames[0]} width={width} height={height} showTypeIcons={false} />;
}

const asIs = (text) => text;
