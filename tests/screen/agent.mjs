// An agent's screen: it asks for the user at each `c`, shows what came, and ends at `q`.
//
// node agent.mjs URL
import { createElement, useState } from "react";
import { Box, render, Text, useApp, useInput } from "ink";

const url = process.argv[2];

async function ask() {
  try {
    const body = await (await fetch(url)).json();
    return body.username ?? body.error;
  } catch (error) {
    return `${error}`;
  }
}

function Agent() {
  const [answers, setAnswers] = useState([]);
  const { exit } = useApp();
  useInput(async (key) => {
    if (key === "q") return exit();
    const answer = await ask();
    setAnswers((before) => [...before, `answer ${before.length + 1}: ${answer}`]);
  });
  const lines = answers.map((line) => createElement(Text, { key: line, color: "cyan" }, line));
  return createElement(
    Box,
    { borderStyle: "round", flexDirection: "column", height: "100%", paddingX: 1, width: "100%" },
    createElement(Text, { bold: true, inverse: true }, " agent "),
    createElement(Box, { flexDirection: "column", flexGrow: 1 }, ...lines),
    createElement(Text, { dimColor: true }, "c asks, q quits"),
  );
}

render(createElement(Agent), { alternateScreen: true, exitOnCtrlC: false });
