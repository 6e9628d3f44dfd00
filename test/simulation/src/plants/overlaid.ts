/** `target` with some of its members replaced; the others stay its own, private ones and all. */
export function overlaid<Target extends object>(target: Target, members: Partial<Target>): Target {
  return new Proxy(target, {
    get: (_, key) => {
      const member: unknown = Reflect.get(key in members ? members : target, key);
      return typeof member === 'function' && !(key in members) ? member.bind(target) : member;
    },
  });
}
