from square import Square

print(Square().locations.list().locations[0].name)
