/** One ```ts block of a Markdown text. */
export interface CodeBlock {
  /** Of its first line of code, in the Markdown text, counted from 1. */
  readonly line: number
  readonly code: string
}

const fences = /^```ts *(.*)\n([^]*?)^```$/gm

/** The TypeScript blocks of a Markdown text, without those marked ```ts ignore. */
export function codeBlocks(markdown: string): readonly CodeBlock[] {
  return [...markdown.matchAll(fences)]
    .filter(([, mark]) => mark !== 'ignore')
    .map(({ index, 2: code = '' }) => ({ code, line: lineAt(markdown, index) + 1 }))
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}
