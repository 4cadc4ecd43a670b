"""Prefers the customer's last agent, else the longest idle: a routing policy of Plugboard in Python.

`wit_world` is made of the contract when the component is built; `build --types` writes it to a folder, for an editor.
"""

from wit_world.exports import Routing as Contract
from wit_world.exports.routing import Order, Relaxed


class Routing(Contract):
    # Number of the attribute in the question's columns; None: this host, or this queue, does not give it.
    last_agent: int | None = None

    def configure(self, tables):
        # An instance of this class may be made for each question: what is told once is kept with the class.
        names = tables.attributes
        Routing.last_agent = names.index("last-agent") if "last-agent" in names else None

    def rank_agents(self, who, needs, candidates, columns):
        values = next((column.values for column in columns if column.attribute == self.last_agent), [0] * len(candidates))
        ranked = sorted((value != 1, -agent.idle_ms, agent.number) for agent, value in zip(candidates, values))
        return Order([number for _, _, number in ranked], None, [])

    def rank_waiting(self, agent, waiting, columns):
        """Highest priority, then longest wait."""
        ranked = sorted((-one.priority, -one.waited_ms, one.number) for one in waiting)
        return Order([number for _, _, number in ranked], None, [])

    def on_timer(self, who, needs):
        """The needs stay as they are."""
        return Relaxed(needs, None, None, [])
