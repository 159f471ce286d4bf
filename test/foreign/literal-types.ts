import {
  createSourceFile,
  isIdentifier,
  isInterfaceDeclaration,
  isLiteralTypeNode,
  isPropertySignature,
  isStringLiteral,
  isTypeAliasDeclaration,
  isTypeReferenceNode,
  isUnionTypeNode,
  ScriptTarget,
  type Statement,
  type TypeNode,
} from "typescript";

/** The literals that the property `type` has in the members of a union, as a declaration file has them. */
export function literalTypesOf(declarations: string, union: string): string[] {
  const { statements } = createSourceFile("declarations.d.ts", declarations, ScriptTarget.Latest);
  const named = new Map(
    statements.flatMap((each): [string, Statement][] => {
      const isType = isInterfaceDeclaration(each) || isTypeAliasDeclaration(each);
      return isType ? [[each.name.text, each]] : [];
    }),
  );

  const literals = (name: string): string[] => {
    const statement = named.get(name);
    if (statement === undefined) throw new Error(`${name} is not declared`);
    if (isTypeAliasDeclaration(statement))
      return members(statement.type).flatMap((each) => literals(nameOf(each)));
    if (!isInterfaceDeclaration(statement)) return [];
    const type = statement.members.find(
      (member) => isPropertySignature(member) && isIdentifier(member.name) && member.name.text === "type",
    );
    return type !== undefined && isPropertySignature(type) && type.type !== undefined
      ? members(type.type).map(textOf)
      : [];
  };
  return literals(union);
}

function members(type: TypeNode): readonly TypeNode[] {
  return isUnionTypeNode(type) ? type.types : [type];
}

function nameOf(type: TypeNode): string {
  if (isTypeReferenceNode(type) && isIdentifier(type.typeName)) return type.typeName.text;
  throw new Error("a member of the union is no name");
}

function textOf(type: TypeNode): string {
  if (isLiteralTypeNode(type) && isStringLiteral(type.literal)) return type.literal.text;
  throw new Error("a property type is no literal");
}
