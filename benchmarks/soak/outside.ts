// Everything that is not the service, in a process of its own: the downstream and the clients. The
// heap that is watched then is the service's alone.
import { Clients } from './clients.ts'
import { capacityPerSecond, Downstream } from './downstream.ts'

/** What the outside is told. */
export type Order =
  | { readonly kind: 'send'; readonly port: number; readonly overloadRatio: number }
  | { readonly kind: 'stop' }

const downstream = new Downstream()
const port = await downstream.listen()
let clients: Clients | undefined

process.on('message', (order: Order) => {
  if (order.kind === 'stop') {
    clients?.stop()
    return
  }
  clients ??= new Clients(order.port)
  const { counts } = clients
  void clients.send(capacityPerSecond * order.overloadRatio).then(() => process.send!({ counts }))
})
// The service has gone, and so has the reason to be here.
process.on('disconnect', () => {
  process.exit(0)
})
process.send!({ port })
