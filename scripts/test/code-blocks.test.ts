import { expect, test } from 'vitest'
import { codeBlocks } from '../code-blocks.ts'

const page = `# Page

\`\`\`sh
npm test
\`\`\`

\`\`\`ts
const a = 1

const b = \`\${a}\`
\`\`\`

Text.

\`\`\`ts ignore
const line = of(something)
\`\`\`

\`\`\`ts
last()
\`\`\`
`

test('takes the TypeScript of a page, and knows the line where each block begins', () => {
  expect(codeBlocks(page)).toEqual([
    { line: 8, code: 'const a = 1\n\nconst b = `${a}`\n' },
    { line: 20, code: 'last()\n' },
  ])
})

test('a page without TypeScript has no blocks', () => {
  expect(codeBlocks('```http\nGET / HTTP/1.1\n```\n')).toEqual([])
})
